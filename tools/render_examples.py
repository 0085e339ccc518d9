"""Render again what comes from the template: the examples, and the alert rules for all services."""

import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from copier import run_copy
from jinja2 import Environment, StrictUndefined

from baseline import template

SOURCE = {
    "_commit": "v0.1.0",
    "_src_path": "https://github.com/your-organisation/observability-baseline",
}


def fresh(example: Path, folder: Path) -> None:
    """Render a service with the answers of an example into a folder."""
    run_copy(
        str(template.root()), folder, data=template.answers(example),
        defaults=True, quiet=True, vcs_ref="HEAD",
    )  # fmt: skip
    recorded = template.answers(folder)
    header = (folder / template.ANSWERS_FILE).read_text(encoding="utf-8").splitlines()[0]
    text = yaml.safe_dump({**SOURCE, **recorded}, allow_unicode=True, width=200)
    (folder / template.ANSWERS_FILE).write_text(f"{header}\n{text}", encoding="utf-8")


def of_all_services() -> dict[str, str]:
    """Return the rules and tests of a service, rendered for no service in particular."""
    # The result is YAML, so nothing is escaped as in HTML.
    environment = Environment(keep_trailing_newline=True, undefined=StrictUndefined)  # noqa: S701
    nobody = {"service_name": "", "owner_team": "", "runbook_base_url": ""}

    def render(name: str) -> str:
        text = (template.root() / "template/alerts" / name).read_text(encoding="utf-8")
        return environment.from_string(text).render(nobody)

    return {
        "alerts/rules/services.yml": render("rules.yml.jinja"),
        "alerts/tests/services.yml": render("tests.yml.jinja"),
    }


def main() -> None:
    """Bring rules and examples up to date; an example's owned files stay as they are."""
    for name, text in of_all_services().items():
        (template.root() / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name} is up to date\n")
    for example in sorted((template.root() / "examples").iterdir()):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / example.name
            fresh(example, folder)
            wanted, present = template.classify(folder), template.classify(example)
            for name, kind in present.items():
                if kind != template.OWNED and name not in wanted:
                    (example / name).unlink()
            for name, kind in wanted.items():
                if kind != template.OWNED:
                    (example / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / name, example / name)
        sys.stdout.write(f"examples/{example.name} is up to date\n")


if __name__ == "__main__":
    main()
