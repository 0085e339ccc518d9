"""The shipped rules and routes in the real Prometheus and Alertmanager."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from baseline import local, trace
from tests.e2e.support import eventually, prometheus, report
from tests.support import ROOT

RULES = [
    rule
    for path in (ROOT / "alerts/rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]


def post(*alerts: dict[str, str]) -> None:
    """Send alerts to Alertmanager as Prometheus does; they end by themselves after a minute."""
    end = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    sent = [
        {"labels": labels, "annotations": {"summary": "a test"}, "endsAt": end} for labels in alerts
    ]
    answer = local.post(f"{trace.address('alertmanager')}/api/v2/alerts", json=sent)
    assert answer.status_code == 200, answer.text


def held(service: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return a service's alerts in Alertmanager by name and environment."""
    answer = local.get(
        f"{trace.address('alertmanager')}/api/v2/alerts",
        params={"filter": f'service_name="{service}"'},
    )
    return {
        (one["labels"]["alertname"], one["labels"].get("deployment_environment_name", "")): one
        for one in answer.json()
    }


def alert(
    name: str, service: str, environment: str = "production", severity: str = "critical"
) -> dict[str, str]:
    """The labels of an alert."""
    return {
        "alertname": name, "service_name": service, "severity": severity, "team": "checkout",
        "deployment_environment_name": environment,
    }  # fmt: skip


def test_rules_are_loaded_and_healthy() -> None:
    """Each committed rule is there, and none fails to evaluate."""
    groups = prometheus("rules")["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {
        rule.get("alert", rule.get("record")) for rule in RULES
    }
    assert [rule["name"] for rule in loaded if rule.get("lastError")] == []
    report("rules are loaded and healthy", len(loaded))


def test_healthy_services_fire_nothing() -> None:
    """With the examples' own traffic only the Watchdog fires."""
    firing = {
        one["labels"]["alertname"]
        for one in prometheus("alerts")["alerts"]
        if one["state"] == "firing"
    }
    assert firing == {"Watchdog"}


def test_metrics_of_the_rules_exist() -> None:
    """What a rule on the monitoring itself asks for is what the real components expose."""
    names = set(prometheus("label/__name__/values"))
    assert names >= {
        "otelcol_receiver_refused_spans_total", "otelcol_receiver_refused_log_records_total",
        "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity",
        "prometheus_rule_evaluation_failures_total", "prometheus_notifications_errors_total",
        "prometheus_notifications_alertmanagers_discovered", "traces_span_metrics_calls_total",
        "alertmanager_notifications_failed_total", "scrape_sample_limit",
        "prometheus_config_last_reload_successful", "alertmanager_config_last_reload_successful",
        "prometheus_config_last_reload_success_timestamp_seconds",
        "alertmanager_config_last_reload_success_timestamp_seconds",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "critical", "deployment_environment_name": "production"}, "page"),
        ({"severity": "warning", "deployment_environment_name": "production"}, "ticket"),
        ({"severity": "critical", "deployment_environment_name": "staging"}, "development"),
        ({"severity": "warning", "deployment_environment_name": "development"}, "development"),
        ({"severity": "critical", "deployment_environment_name": "prod"}, "page"),
        ({"severity": "critical"}, "page"),
        ({"severity": "warning"}, "ticket"),
        ({}, "page"),
    ],
    ids=str,
)  # fmt: skip
def test_routing(labels: dict[str, str], receiver: str) -> None:
    """By environment and severity; what lacks labels is loud."""
    service = f"routed-{uuid.uuid4().hex[:8]}"
    post({"alertname": "a_test", "service_name": service, **labels})
    (found,) = eventually(lambda: list(held(service).values()))
    assert [one["name"] for one in found["receivers"]] == [receiver]


def test_the_team_is_told() -> None:
    """The notification goes to the team of the alert, and to no team's when it has none."""
    service = f"told-{uuid.uuid4().hex[:8]}"
    post(
        alert("a_test", service),
        {"alertname": "another_test", "service_name": service, "severity": "critical"},
    )

    def told() -> set[tuple[str, str, str]]:
        sent = local.get(f"{trace.address('webhook')}/notifications").json()
        return {
            (one["receiver"], one["team"], shown["labels"]["alertname"])
            for one in sent
            for shown in one["alerts"]
            if shown["labels"].get("service_name") == service
        }

    wanted = {("page", "checkout", "a_test"), ("page", "", "another_test")}
    eventually(lambda: told() == wanted, 50)  # group_wait is 30 s


def test_the_watchdog_reaches_the_dead_mans_switch() -> None:
    """Again and again, and nobody else is told."""
    sent = local.get(f"{trace.address('webhook')}/notifications").json()
    told = [
        one["receiver"] for one in sent if one["alerts"][0]["labels"]["alertname"] == "Watchdog"
    ]
    assert set(told) == {"dead-mans-switch"}


def test_an_outage_hides_its_own_symptoms_only() -> None:
    """In the same service and environment, and not those of a service without labels."""
    down, other = (f"inhibited-{uuid.uuid4().hex[:8]}" for _ in range(2))
    symptoms = (
        "error_rate_above_1_percent", "p99_latency_above_1_second", "error_budget_fast_burn",
        "service_not_ready", "request_metrics_missing", "traces_missing",
    )  # fmt: skip
    post(
        alert("service_unavailable", down),
        *(alert(name, down) for name in symptoms),
        alert(symptoms[0], down, "staging"),
        alert(symptoms[0], other),
        alert("spans_dropped", down),
    )

    def hidden() -> bool:
        return {
            key for key, one in held(down).items() if one["status"]["state"] == "suppressed"
        } == {(name, "production") for name in symptoms}

    eventually(hidden)
    found = held(down)
    outage = found["service_unavailable", "production"]
    assert all(
        found[name, "production"]["status"]["inhibitedBy"] == [outage["fingerprint"]]
        for name in symptoms
    )
    assert found[symptoms[0], "staging"]["status"]["state"] == "active"
    assert held(other)[symptoms[0], "production"]["status"]["state"] == "active"
    report("symptoms are hidden by their outage, in its environment only", len(symptoms))
