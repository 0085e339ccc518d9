"""The generated service: rendered from this repository's template, with the common route in it."""

import shutil
from pathlib import Path
from typing import Final

from copier import run_copy

ROOT: Final = Path(__file__).resolve().parents[1]
_ANSWERS: Final = {"service_name": "items", "owner_team": "checkout", "oncall": "#checkout-oncall"}


def render(folder: Path) -> Path:
    """Render a service below `folder`, give it the common route, and return its folder."""
    template, service = folder / "template", folder / "items"
    template.mkdir()
    # A copy that is no git repository: copier takes it as it stands, not its last tag.
    shutil.copyfile(ROOT / "copier.yml", template / "copier.yml")
    for part in ("template", "refused"):
        shutil.copytree(
            ROOT / part, template / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
    run_copy(str(template), service, data=_ANSWERS, defaults=True, quiet=True)
    shutil.copyfile(ROOT / "benchmarks/variants/items.py", service / "app/api/greetings.py")
    return service
