"""The template's checkout: where it is, what its examples answered, what an owner owns."""

import re
import shutil
from pathlib import Path
from typing import Any, Final

import yaml

OWNED, ANSWERS_FILE = "owned", ".copier-answers.yml"
# What says where and when a service was rendered; the rest of the file is its answers.
PROVENANCE: Final = ("_commit", "_src_path")


class TemplateMissingError(Exception):
    """The command does not run from a checkout of the template."""


def root() -> Path:
    """Return the checkout's folder; raises TemplateMissingError outside of one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "copier.yml").is_file():
        raise TemplateMissingError(
            f"no copier.yml in {folder}: run this command from a clone of the template"
        )
    return folder


def answers(service: Path) -> dict[str, Any]:
    """Return the recorded answers of a generated service."""
    recorded: dict[str, Any] = yaml.safe_load((service / ANSWERS_FILE).read_text(encoding="utf-8"))
    return {key: value for key, value in recorded.items() if key not in PROVENANCE}


def classify(service: Path) -> dict[str, str]:
    """Return the class (managed, merged or owned) of each file of a service, by its path."""
    classes = yaml.safe_load((service / ".baseline.yml").read_text(encoding="utf-8"))
    found = {}
    for path in sorted(service.rglob("*")):
        name = path.relative_to(service).as_posix()
        if path.is_file() and not _made_by_running(name):
            for kind, patterns in classes.items():
                if any(matches(name, pattern) for pattern in patterns):
                    found[name] = kind
    return found


def put_on_top(example: Path, service: Path) -> None:
    """Replace the owned files of a fresh service by those of an example."""
    for name, kind in classify(service).items():
        if kind == OWNED:
            (service / name).unlink()
    for name, kind in classify(example).items():
        if kind == OWNED:
            (service / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(example / name, service / name)


def matches(name: str, pattern: str) -> bool:
    """Return whether a path fits a pattern, in which a star does not cross folders."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]*"), name) is not None


def _made_by_running(name: str) -> bool:
    return bool(re.search(r"(^|/)(__pycache__|\.venv|\.(mypy|ruff|pytest)_cache)/", name))
