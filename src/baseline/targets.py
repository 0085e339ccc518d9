"""What Prometheus scrapes on this machine itself: a file for each service under `make run`."""

import json
import os
from pathlib import Path
from typing import Final

STATE: Final = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
TARGETS: Final = STATE / "observability-baseline/targets"


def prepare() -> None:
    """Make the folder, and remove the files of services that ended without removing theirs."""
    TARGETS.mkdir(parents=True, exist_ok=True)
    for path in TARGETS.glob("*.json"):
        if not _runs(path):
            path.unlink(missing_ok=True)


def _runs(path: Path) -> bool:
    try:
        (target,) = json.loads(path.read_text(encoding="utf-8"))
        os.kill(int(target["labels"]["__process_id__"]), 0)
    except PermissionError:  # it runs, as another user
        return True
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return True
