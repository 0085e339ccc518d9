"""Every alert has a runbook page, and the page speaks of the rule as it is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import CONTRACT, ROOT
from tests.test_rules import ALERTS, RULES, alerts, run

FOLDER = ROOT / "docs/runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
SECTIONS = (
    "Meaning", "Impact", "First checks", "Likely causes", "Mitigation", "Test this alert", "Rule",
)  # fmt: skip
# What the collector, Prometheus, Alertmanager and the recording rules name.
OTHERS = re.compile(
    r"otelcol_\w+|prometheus_\w+|alertmanager_\w+|traces_\w+|scrape_\w+|service:[\w:]+|up|ALERTS\w*"
)


def sections(text: str) -> dict[str, str]:
    """Return the text of each section by its heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"^ {3}", "", block, flags=re.MULTILINE) for block in found]


@pytest.mark.parametrize(("name", "rule"), list(alerts()))
def test_a_page_has_every_section(name: str, rule: dict[str, Any]) -> None:
    """With three checks, each of which can be pasted."""
    text = (FOLDER / f"{rule['alert']}.md").read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    found = sections(text)
    assert tuple(found) == SECTIONS
    assert all(len(part.strip()) > 40 for part in found.values())
    checks = re.findall(r"^(\d)\. ", found["First checks"], flags=re.MULTILINE)
    assert checks == ["1", "2", "3"]
    assert found["First checks"].count("```") == 6


@pytest.mark.parametrize(("name", "rule"), list(alerts()))
def test_a_page_has_the_rule(name: str, rule: dict[str, Any]) -> None:
    """The query is the rule's own, and so are its durations and severity."""
    section = sections((FOLDER / f"{rule['alert']}.md").read_text())["Rule"]
    (shown,) = re.findall(r"^```promql\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert shown.strip() == rule["expr"].strip()
    said = section.rsplit("```", 1)[1]
    assert rule["labels"]["severity"] in said
    for key in ("for", "keep_firing_for"):
        assert f"`{key}` is {rule[key]}" in said if key in rule else f"`{key}` is" not in said


def test_no_page_without_an_alert() -> None:
    """But for the index and the incident that crosses services."""
    known = {rule.values[1]["alert"] for rule in alerts()}
    assert {page.stem for page in PAGES} - {"README", "cross_service_incident"} == known
    index = (FOLDER / "README.md").read_text()
    assert all(f"({alert}.md)" in index for alert in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_queries_are_valid(promtool: str, page: Path, tmp_path: Path) -> None:
    """Each PromQL block parses, and names only metrics that exist."""
    queries = blocks(page.read_text(), "promql")
    if not queries:
        return
    rules = [{"record": f"check:{n}", "expr": query} for n, query in enumerate(queries)]
    (tmp_path / "r.yml").write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}))
    checked: subprocess.CompletedProcess[str] = run(
        promtool, "check", "rules", "r.yml", folder=tmp_path
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for query in queries:
        for metric in re.findall(
            r"(?<![\w\"$])([a-z][\w:]*)(?=\{|\[)", re.sub(r'"[^"]*"', '""', query)
        ):
            base = re.sub(r"_(bucket|count|sum)$", "", metric)
            assert base in CONTRACT["metrics"] or OTHERS.fullmatch(metric), metric


def test_rules_are_all_read() -> None:
    """These tests see each file of rules."""
    assert {name for name, _ in (rule.values for rule in alerts())} == set(RULES)
    assert (ALERTS / "rules").is_dir()
