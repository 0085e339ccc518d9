"""`copier update` from an older template brings its changes and keeps what the owner wrote."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import ANSWERS, commit, git

TASK = '"""A managed file of the older template."""\n'


def copier(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run copier in a folder as a user or a bot does, without --trust."""
    command = [sys.executable, "-m", "copier", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def older(template: Path, tmp_path: Path) -> Path:
    """Return a template with two tags: an older state, and the one under test."""
    kit = tmp_path / "kit"
    shutil.copytree(template, kit)
    shutil.rmtree(kit / ".git")
    package = kit / "template/app/observability"
    # the older template: a file that is gone since, one with another name, one with other text
    (package / "gone.py").write_text(TASK)
    (package / "names.py").rename(package / "constants.py")
    health = (package / "health.py").read_text()
    (package / "health.py").write_text(health.replace("CACHE_SECONDS", "OLD_CACHE_SECONDS"))
    questions = (kit / "copier.yml").read_text()
    start = questions.index("\navailability_objective:")
    end = questions.index("\nrunbook_base_url:")
    (kit / "copier.yml").write_text(questions[:start] + questions[end:])
    for name in ("app/identity.py.jinja", "docs/ownership.md.jinja"):
        path = kit / "template" / name
        path.write_text(path.read_text().replace("{{ availability_objective }}", "99.9"))
    git(kit, "init", "--quiet")
    commit(kit, "v0.0.9")
    (package / "gone.py").unlink()
    (package / "constants.py").rename(package / "names.py")
    (package / "health.py").write_text(health)
    (kit / "copier.yml").write_text(questions)
    for name in ("app/identity.py.jinja", "docs/ownership.md.jinja"):
        shutil.copy2(template / "template" / name, kit / "template" / name)
    commit(kit, "v0.1.0")
    return kit


def test_update_keeps_edits_and_brings_changes(template: Path, tmp_path: Path) -> None:
    """Changed, renamed and deleted managed files follow; merged and owned files keep edits."""
    kit, service = older(template, tmp_path), tmp_path / "service"
    data = [f"--data={key}={value}" for key, value in ANSWERS.items()]
    copier(tmp_path, "copy", "--defaults", "--vcs-ref=v0.0.9", *data, str(kit), str(service))
    assert (service / "app/observability/constants.py").exists()
    git(service, "init", "--quiet")
    # the owner's edits, in an owned and in two merged files
    owned = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
    (service / "app/api/greetings.py").write_text(owned)
    (service / "tests/api/test_greetings.py").unlink()  # the sample's test, replaced
    (service / "tests/api/test_things.py").write_text('"""Things."""\n')
    makefile, project = service / "Makefile", service / "pyproject.toml"
    makefile.write_text(makefile.read_text() + "\nmigrate: ## Migrate the database\n\t@true\n")
    project.write_text(project.read_text().replace('"orjson', '"sqlalchemy>=2",\n    "orjson'))
    commit(service)

    copier(service, "update", "--defaults")

    package = service / "app/observability"
    assert not (package / "gone.py").exists()
    assert not (package / "constants.py").exists()
    assert (package / "names.py").exists()
    assert "OLD_CACHE" not in (package / "health.py").read_text()
    assert (service / "app/api/greetings.py").read_text() == owned
    assert not (service / "tests/api/test_greetings.py").exists()
    assert (service / "tests/api/test_things.py").exists()
    assert "Migrate the database" in makefile.read_text()
    assert "sqlalchemy>=2" in project.read_text()
    recorded = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert recorded["_commit"] == "v0.1.0"
    assert recorded["availability_objective"] == 99.9  # a question that came later: its default
    assert recorded["owner_team"] == ANSWERS["owner_team"]
    assert not list(service.rglob("*.rej"))
    changed = git(service, "status", "--porcelain")
    assert "UU" not in changed
    assert not [
        path
        for path in service.rglob("*")
        if path.is_file() and ".git" not in path.parts and b"<<<<<<<" in path.read_bytes()
    ]


def test_update_to_the_same_version_changes_nothing(template: Path, tmp_path: Path) -> None:
    """An unattended update of a service that is up to date leaves no difference."""
    service = tmp_path / "service"
    data = [f"--data={key}={value}" for key, value in ANSWERS.items()]
    copier(tmp_path, "copy", "--defaults", *data, str(template), str(service))
    git(service, "init", "--quiet")
    commit(service)
    copier(service, "update", "--defaults", "--skip-answered")
    assert git(service, "status", "--porcelain") == ""
