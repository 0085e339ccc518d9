"""The alert rules pass promtool, their tests notice a broken rule, and no alert lacks anything."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from baseline.rules import faster
from tests.conftest import Render
from tests.support import ROOT
from tools import render_examples

ALERTS = ROOT / "alerts"
RULES = sorted(path.name for path in (ALERTS / "rules").glob("*.yml"))
UNIT_TESTS = sorted(path.name for path in (ALERTS / "tests").glob("*.yml"))
RUNBOOKS = "https://runbooks.test"


def run(promtool: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder."""
    return subprocess.run(
        [promtool, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


def alerts_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the alerting rules of a file by name."""
    groups = yaml.safe_load(path.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def alerts() -> Iterator[Any]:
    """Yield every alert of the platform, with its file."""
    for name in RULES:
        for alert, rule in alerts_of(ALERTS / "rules" / name).items():
            yield pytest.param(name, rule, id=alert)


@pytest.mark.parametrize("name", ["orders", "order-history-2"])
def test_a_services_own_rules_pass(promtool: str, render: Render, name: str) -> None:
    """The rendered rules are valid, free of lint, and do what their unit tests say."""
    folder = render(service_name=name, owner_team="payments-core") / "alerts"
    checked = run(promtool, "check", "rules", "--lint=all", "rules.yml", folder=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(promtool, "test", "rules", "tests.yml", folder=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", RULES)
def test_rules_of_all_services_have_no_lint(promtool: str, name: str) -> None:
    """Each file is valid."""
    checked = run(promtool, "check", "rules", "--lint=all", name, folder=ALERTS / "rules")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", UNIT_TESTS)
def test_rules_of_all_services_pass(promtool: str, name: str) -> None:
    """Each file does what its unit tests say."""
    tested = run(promtool, "test", "rules", name, folder=ALERTS / "tests")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_rules_of_all_services_come_from_the_template() -> None:
    """The three alerts have one source."""
    for name, text in render_examples.of_all_services().items():
        assert (ROOT / name).read_text() == text, f"{name} differs: run make examples"


def test_both_sets_give_the_same_result(promtool: str, render: Render, tmp_path: Path) -> None:
    """A service's own rules pass the tests of the rules for all services, on the same series.

    Where they differ on purpose is left out: the base of the runbooks' links, and the test of what
    another service does.
    """
    rendered = render(runbook_base_url=RUNBOOKS, service_name="orders", owner_team="checkout")
    shutil.copy(rendered / "alerts/rules.yml", tmp_path / "services.yml")
    text = (ALERTS / "tests/services.yml").read_text().replace("../rules/", "")
    text = re.sub(rf"{RUNBOOKS}/(\w+)", rf"{RUNBOOKS}/orders#\1", text)
    cases = yaml.safe_load(text)
    kept = [one for one in cases["tests"] if one["name"] != "services are kept apart"]
    assert len(kept) == len(cases["tests"]) - 1
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({**cases, "tests": kept}))
    tested = run(promtool, "test", "rules", "tests.yml", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(("name", "rule"), list(alerts()))
def test_an_alert_lacks_nothing(name: str, rule: dict[str, Any]) -> None:
    """Severity, owner, a constant summary, numbers, and the three links."""
    annotations = rule["annotations"]
    assert set(annotations) == {
        "summary", "description", "runbook_url", "dashboard_url", "query_url",
    }  # fmt: skip
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    # The team is the target's own label, unless the alert is on the monitoring itself.
    by_target = re.search(r"\bteam\b|scrape_samples|service_ready|service:", rule["expr"])
    assert by_target or rule["labels"]["team"]
    assert "{{" not in annotations["summary"]
    assert "$value" in annotations["description"] or "query" in annotations["description"]
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks_url }}}}/{rule['alert']}"
    assert annotations["dashboard_url"].startswith("{{ $externalLabels.grafana_url }}/d/")
    assert "from=" in annotations["dashboard_url"]
    assert annotations["query_url"].startswith("{{ $externalURL }}/graph?")
    assert "for" in rule or rule["alert"] == "Watchdog"


@pytest.mark.parametrize(("name", "rule"), list(alerts()))
def test_an_alert_has_tests(name: str, rule: dict[str, Any]) -> None:
    """There is a moment at which it fires, with its annotations, and one at which it does not."""
    fires, silent = 0, 0
    for path in (ALERTS / "tests").glob("*.yml"):
        for case in yaml.safe_load(path.read_text())["tests"]:
            for check in case.get("alert_rule_test", []):
                if check["alertname"] == rule["alert"]:
                    expected = check["exp_alerts"]
                    fires += any("exp_annotations" in one for one in expected)
                    silent += not expected
    assert fires
    assert silent or rule["alert"] == "Watchdog"


def test_factor_one_reproduces_the_files() -> None:
    """The drill's rules are the committed ones, with every duration divided."""
    for path in [*(ALERTS / "rules").glob("*.yml"), ALERTS / "alertmanager.yml"]:
        text = path.read_text()
        assert faster(text, 1) == text
    text = (ALERTS / "rules/objectives.yml").read_text()
    tenfold = faster(text, 10)
    assert "sum_over_time(service:http_server_requests:increase5m[7h12m:30s])" in tenfold
    assert not re.search(r"(\[|for: |offset )(5m|1h|3d)", tenfold)
    assert faster("for: 5m", 7) == "for: 42s857ms"
    assert faster("group_wait: 0s", 7) == "group_wait: 0s"


def test_faster_rules_are_valid(promtool: str, tmp_path: Path) -> None:
    """Whatever the factor."""
    for name in RULES:
        (tmp_path / name).write_text(faster((ALERTS / "rules" / name).read_text(), 7))
    checked = run(promtool, "check", "rules", "--lint=all", *RULES, folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


ADDED_UP = "by (service_name, deployment_environment_name, team) (\n            increase"

# By file, and by the unit test that has to notice.
MUTATIONS = {
    "services.yml": {
        "1.1 %": [("> 0.01\n", "> 0.02\n"), ("humanizePercentage", "humanize"), ("1800", "3600")],
        "four failures": [(">= 100\n", ">= 0\n")],
        "one request a minute, all failing": [(">= 5\n", ">= 500\n"), ("< 100\n", "< 0\n")],
        "4xx": [('=~"5.."', '=~"4..|5.."')],
        "pending until": [("for: 2m", "for: 0m")],
        "0.9 % of slow": [
            ("> 1\n", "> 3\n"), ("histogram_quantile(0.99", "histogram_quantile(0.999"),
        ],
        "one bad replica": [(f"sum {ADDED_UP}", f"max {ADDED_UP}")],
        "an instance of the team": [('!=""}) > 0\n          )', '!=""}) > 9\n          )')],
        "one failed scrape": [("for: 1m", "for: 0m")],
        "probes and scrapes": [(',http_route!~"/(healthz|ready|metrics)"', "")],
        "all targets down": [("== 0", "== -1"), ("}}/service_unavailable", "}}/elsewhere")],
        "targets that vanish": [("[1h]))\n            unless", "[10m]))\n            unless")],
    },
    "objectives.yml": {
        "3 %": [("ratio_increase5m > 14.4", "ratio_increase5m > -1"),
                ("increase1h > 14.4", "increase1h > 13")],
        "0.59 %": [("> 6\n", "> 5.8\n")],
        "0.09 %": [("> 1\n", "> 0.8\n")],
        "nine failures": [("increase1h >= 10", "increase1h >= 8")],
        "a looser objective": [("(1 - service:availability_objective:ratio)", "0.001")],
    },
    "signals.yml": {
        "a deployment": [('service_ready{service_name!=""}', "min by (team) (service_ready)")],
        "a counter of spans": [(") > 0\n        for: 10m", ") > -1\n        for: 10m")],
        "a thousand requests": [(">= 1000", ">= 900"), ('span_kind="SPAN_KIND_SERVER"', "")],
        "80 %": [("> 0.8", "> 0.79"), ("(scrape_sample_limit > 0)", "scrape_sample_limit")],
        "lost spans": [('error_type!=""', 'error_type=~".*"')],
        "a target that is down": [("== 1)\n          unless", "== 0)\n          unless")],
    },
    "pipeline.yml": {
        "a queue": [("> 0.8", "> 0.79")],
        "a Prometheus or a collector": [
            ("offset 5m == 1", "offset 5m"),
            (" unless otelcol_exporter_send_failed_spans_total offset 5m)", ")"),
        ],
        "notifications that fail": [("[15m]", "[5m]")],
        "a refused configuration": [
            ("alertmanager_config_last_reload_successful == 0", "vector(1) == 0"),
        ],
        "no collector at all": [("or absent(", "and absent(")],
        "no Alertmanager": [("discovered < 1", "discovered < 0")],
    },
}  # fmt: skip


def copied(folder: Path, name: str, rules: str) -> None:
    """Copy the rules and their unit tests, with other rules in one file."""
    for part in ("rules", "tests"):
        shutil.copytree(ALERTS / part, folder / part)
    (folder / "rules" / name).write_text(rules)


@pytest.mark.parametrize(
    ("name", "noticed_by", "right", "wrong"),
    [
        (name, case, *pair)
        for name, cases in MUTATIONS.items()
        for case, pairs in cases.items()
        for pair in pairs
    ],
)
def test_a_broken_rule_fails(
    promtool: str, tmp_path: Path, name: str, noticed_by: str, right: str, wrong: str
) -> None:
    """Each threshold, guard, grouping and link is held by a unit test."""
    rules = (ALERTS / "rules" / name).read_text()
    assert right in rules
    copied(tmp_path, name, rules.replace(right, wrong))
    tested = run(
        promtool, "test", "rules", "--run", f"^{noticed_by}", name, folder=tmp_path / "tests"
    )
    assert tested.returncode != 0
    assert f"name: {noticed_by}" in tested.stdout + tested.stderr


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("key", ["for", "keep_firing_for"])
@pytest.mark.parametrize("step", [-1, 1], ids=["shorter", "longer"])
def test_another_duration_fails(
    promtool: str, tmp_path: Path, name: str, key: str, step: int
) -> None:
    """When each alert fires, and when it clears, is held to the evaluation."""

    def other(found: re.Match[str]) -> str:
        minutes = {"m": 1, "h": 60}[found["unit"]] * int(found["number"])
        # What takes hours is tested over days, which are evaluated every five minutes.
        return f" {key}: {minutes + step * (5 if found['unit'] == 'h' else 1)}m"

    rules = (ALERTS / "rules" / name).read_text()
    copied(tmp_path, name, re.sub(rf" {key}: (?P<number>\d+)(?P<unit>[mh])", other, rules))
    files = [path.name for path in (ALERTS / "tests").glob(f"{Path(name).stem}*.yml")]
    tested = run(promtool, "test", "rules", *files, folder=tmp_path / "tests")
    assert tested.returncode != 0
    noticed = set(re.findall(r"alertname: (\w+)", tested.stdout + tested.stderr))
    assert noticed == set(alerts_of(ALERTS / "rules" / name)) - {"Watchdog"}
