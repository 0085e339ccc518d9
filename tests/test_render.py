"""What is rendered is right for every answer, however nasty."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import ANSWERS, Render

NASTY = [
    "\"double\" and 'single' quotes",
    r"back\slashes \n \u0041 C:\new",
    "-leading dash",
    "#leading hash: with colon",
    "ünïcode ✓ 数",
    "{{ braces }} {% tags %} {# notes #}",
    "$HOME `ls` $(ls) %s %%",
    "<b>&amp;</b>",
    "*star _under_ [link](x) | pipe",
]


def python_values(folder: Path) -> dict[str, object]:
    """Return the identity that the service itself reads."""
    code = "from app.identity import IDENTITY; import json; print(json.dumps(IDENTITY))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
    )
    values: dict[str, object] = json.loads(done.stdout)
    return values


@pytest.mark.parametrize("text", NASTY)
def test_nasty_description(render: Render, text: str) -> None:
    """A description comes back as it was typed, in every file that holds it."""
    folder = render(description=text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    catalog = yaml.safe_load((folder / "catalog-info.yaml").read_text())
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    assert project["project"]["description"] == text
    assert catalog["metadata"]["description"] == text
    assert answers["description"] == text
    for path in folder.rglob("*.y*ml"):
        list(yaml.safe_load_all(path.read_text()))
    assert python_values(folder)["service_name"] == ANSWERS["service_name"]


@pytest.mark.parametrize(
    "contact", ["#on-call'\"x", r"#back\slash", "https://x.example/?a=1&b='2'"]
)
def test_nasty_contact(render: Render, contact: str) -> None:
    """So does the contact."""
    folder = render(oncall=contact)
    for path in folder.rglob("*.y*ml"):
        list(yaml.safe_load_all(path.read_text()))
    assert yaml.safe_load((folder / ".copier-answers.yml").read_text())["oncall"] == contact


def test_answers_reach_their_files(render: Render) -> None:
    """Each answer changes what it is meant to change."""
    folder = render(
        service_name="order-history", namespace="shop", owner_team="payments-core",
        oncall="https://pager.example.com/x", port=9123, python_version="3.13",
        availability_objective=99.95, runbook_base_url="https://wiki.example.com/runbooks",
    )  # fmt: skip
    identity = python_values(folder)
    assert identity["service_name"] == "order-history"
    assert identity["service_namespace"] == "shop"
    assert identity["owner_team"] == "payments-core"
    assert identity["port"] == 9123
    assert identity["availability_objective_percent"] == 99.95
    rules = (folder / "alerts/rules.yml").read_text()
    assert 'service_name="order-history"' in rules
    alerts = [
        rule
        for group in yaml.safe_load(rules)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    for rule in alerts:
        assert rule["labels"]["team"] == "payments-core"
        url = rule["annotations"]["runbook_url"]
        assert url == f"https://wiki.example.com/runbooks/order-history#{rule['alert']}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["requires-python"]) == ("order-history", ">=3.13")
    assert (folder / ".python-version").read_text().strip() == "3.13"
    assert "FROM python:3.13-" in (folder / "Dockerfile").read_text()
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert "9123" in str(service["ports"])
    assert all(str(port).startswith("127.0.0.1:") for port in service["ports"])
    catalog = yaml.safe_load((folder / "catalog-info.yaml").read_text())
    assert catalog["spec"]["owner"].endswith("payments-core")
    for page in ("docs/ownership.md", "docs/runbook.md"):
        text = (folder / page).read_text()
        assert "payments-core" in text
        assert "https://pager.example.com/x" in text


def test_every_alert_has_its_runbook_section(service_folder: Path) -> None:
    """The link in an alert leads to a heading."""
    rules = yaml.safe_load((service_folder / "alerts/rules.yml").read_text())
    runbook = (service_folder / "docs/runbook.md").read_text().splitlines()
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert f"## {rule['alert']}" in runbook


def test_no_tag_is_left(service_folder: Path) -> None:
    """Nothing of the template's own language is left in a rendered file."""
    for path in service_folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text()
            assert "{%" not in text, path
            assert "copier_conf" not in text, path
            assert "tojson" not in text, path


def test_environment_example_lists_every_variable(service_folder: Path) -> None:
    """.env.example names each variable that the settings read, and no other."""
    code = (
        "from app.settings import Settings; "
        "print(*[n.upper() for n in Settings.model_fields if n != 'identity'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=service_folder, check=True, capture_output=True, text=True
    )
    example = (service_folder / ".env.example").read_text().splitlines()
    listed = [line.lstrip("# ").split("=")[0] for line in example if "=" in line]
    assert sorted(done.stdout.split()) == sorted(listed)
