"""What the questions accept, what they refuse, and what a premature split ends with."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from copier import run_copy

from tests.conftest import ANSWERS, Render
from tests.support import ROOT

QUESTIONS: dict[str, Any] = {
    name: details
    for name, details in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}
PREREQUISITES = [
    "has_stable_owner",
    "deploys_independently",
    "changes_independently",
    "has_defined_contract",
    "knows_its_domain",
]


def copier(*arguments: str) -> list[str]:
    """Return the command that a user runs, in this interpreter's environment."""
    return [sys.executable, "-m", "copier", *arguments]


def test_at_most_ten_questions_are_always_asked() -> None:
    """A new service costs ten answers, each with a help text."""
    always = [name for name, details in QUESTIONS.items() if "when" not in details]
    assert len(always) == 10
    assert all(QUESTIONS[name].get("help") for name in always)


def test_all_but_name_owner_and_contact_have_defaults() -> None:
    """An unattended update needs a default for every question that may come later."""
    without = [name for name, details in QUESTIONS.items() if "default" not in details]
    assert without == ["service_name", "owner_team", "oncall"]


def test_nobody_needs_to_trust_the_template() -> None:
    """Tasks, migrations and extensions would run code and ask for --trust."""
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & settings.keys()


@pytest.mark.parametrize(
    ("question", "answer", "allowed"),
    [
        ("service_name", "Orders", "lower-case"),
        ("service_name", "-orders", "starting with a letter"),
        ("service_name", "orders-", "ending with a dash"),
        ("service_name", "a" * 64, "1 to 63"),
        ("service_name", "", "DNS label"),
        ("service_name", "orders\n", "DNS label"),
        ("service_name", "httpx", "another name"),
        ("description", " ", "1 to 200"),
        ("description", "two\nlines", "one line"),
        ("owner_team", "backend", "name one team"),
        ("owner_team", "the backend team", "name one team"),
        ("owner_team", "Platform", "name one team"),
        ("owner_team", "platform-team", "name one team"),
        ("owner_team", "devs", "name one team"),
        ("owner_team", "Everyone", "name one team"),
        ("owner_team", "TBD", "name one team"),
        ("owner_team", "n/a", "name one team"),
        ("owner_team", "backend-devs", "name one team"),
        ("owner_team", "all-devs", "name one team"),
        ("owner_team", "dev-ops", "name one team"),
        ("owner_team", "the-platform-engineering-team", "name one team"),
        ("owner_team", "on-call", "name one team"),
        ("owner_team", "oncall", "name one team"),
        ("owner_team", "Payments Core", "lower-case"),
        ("oncall", "ask Bob", "URL"),
        ("oncall", "bob@", "e-mail"),
        ("oncall", "#", "channel"),
        ("namespace", "My Shop", "DNS label"),
        ("port", 80, "1024 to 65535"),
        ("port", 70000, "1024 to 65535"),
        ("availability_objective", 100, "leaves no budget"),
        ("availability_objective", 0.999, "percentage"),
        ("runbook_base_url", "runbooks.example.com", "http"),
        ("runbook_base_url", "https://runbooks.example.com/", "slash"),
    ],
)
def test_refuses_with_what_is_allowed(
    template: Path, tmp_path: Path, question: str, answer: object, allowed: str
) -> None:
    """A bad answer is refused with what is allowed, and nothing is written."""
    with pytest.raises(ValueError, match=f"'{question}'.*{allowed}"):
        run_copy(
            str(template), tmp_path / "new", data={**ANSWERS, question: answer},
            defaults=True, quiet=True,
        )  # fmt: skip
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("service_name", "o"),
        ("service_name", "order-history-2"),
        ("owner_team", "backend-payments"),
        ("owner_team", "team-rocket"),
        ("oncall", "https://pager.example.com/checkout"),
        ("oncall", "checkout@example.com"),
        ("oncall", "#checkout-oncall"),
        ("port", 65535),
        ("availability_objective", 99.95),
    ],
)
def test_accepts(render: Render, question: str, answer: object) -> None:
    """A good answer is recorded as it was given."""
    recorded = yaml.safe_load((render(**{question: answer}) / ".copier-answers.yml").read_text())
    assert answer == recorded[question]


def split_answers(refused: str | None) -> dict[str, str]:
    """Return yes to each prerequisite before `refused`, and no to that one."""
    answers = {"split_from_existing": "yes"}
    for name in PREREQUISITES:
        answers[name] = "no" if name == refused else "yes"
        if name == refused:
            break
    return answers


@pytest.mark.parametrize("refused", PREREQUISITES)
def test_premature_split_stops_the_copy(template: Path, tmp_path: Path, refused: str) -> None:
    """A "no" ends the copy: nothing is written, and the last line says why."""
    data = [f"--data={key}={value}" for key, value in {**ANSWERS, **split_answers(refused)}.items()]
    done = subprocess.run(
        copier("copy", "--defaults", *data, str(template), str(tmp_path / "new")),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("The split is premature: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_premature_split_leaves_an_existing_folder_alone(template: Path, tmp_path: Path) -> None:
    """Also a folder that was there before gets no file."""
    folder = tmp_path / "existing"
    folder.mkdir()
    data = [
        f"--data={key}={value}"
        for key, value in {**ANSWERS, **split_answers("knows_its_domain")}.items()
    ]
    command = copier("copy", "--defaults", *data, str(template), str(folder))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    assert list(folder.iterdir()) == []


def test_premature_split_stops_in_a_terminal(template: Path, tmp_path: Path) -> None:
    """The same holds for a person who answers the questions one by one."""
    arguments = ["copy", *(f"--data={key}={value}" for key, value in ANSWERS.items())]
    child = pexpect.spawn(
        sys.executable, ["-m", "copier", *arguments, str(template), str(tmp_path / "new")],
        encoding="utf-8", timeout=30, dimensions=(40, 200),
    )  # fmt: skip
    for question in QUESTIONS:
        if question in ANSWERS:
            continue
        child.expect_exact(QUESTIONS[question]["help"][:40])
        if question == "split_from_existing":
            child.sendline("\x1b[A")  # up: from no to yes
        elif question == "has_stable_owner":
            child.sendline("")
            break
        else:
            child.sendline("")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert "The split is premature: " in (child.before or "").strip().splitlines()[-1]
    assert not (tmp_path / "new").exists()


def test_prerequisites_are_recorded(render: Render) -> None:
    """The answers stand where owners and the service catalogue read them."""
    folder = render(**split_answers(None))
    catalog = yaml.safe_load((folder / "catalog-info.yaml").read_text())
    annotations = {
        key.rpartition("/")[2].replace("-", "_"): value
        for key, value in catalog["metadata"]["annotations"].items()
    }
    ownership = (folder / "docs/ownership.md").read_text()
    for name in PREREQUISITES:
        assert annotations[name] == "yes"
        assert QUESTIONS[name]["help"] in ownership
