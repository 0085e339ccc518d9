"""The drill names the step that was missed, follows links, and refuses what it cannot do."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from baseline import cli, drill, drills, links, local, stack
from baseline.drill import ERRORS, LATENCY, OUTAGE, Drill, Progress
from baseline.faults import Target
from baseline.links import DeadLinkError
from baseline.monitor import Monitor

NOWHERE = Target("orders", "http://127.0.0.1:9", "none")
LABELS = {
    "alertname": ERRORS, "service_name": "orders", "severity": "critical", "team": "checkout",
    "deployment_environment_name": "production",
}  # fmt: skip
GRAFANA = "http://localhost:3000/d"
ANNOTATIONS = {
    "runbook_url": f"http://runbooks.test/{ERRORS}",
    "dashboard_url": f"{GRAFANA}/service-red?var-environment=production&var-service=orders&from=1",
    "query_url": "http://prometheus.test/graph?g0.tab=0&g0.expr=up%7Ba%3D%22b%22%7D",
}


class FakeMonitor(Monitor):
    """A stack on which the alert is quiet, then fires, is held and sent, and clears."""

    def __init__(self, **changed: Any) -> None:
        pages = httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.path))
        super().__init__(httpx.AsyncClient(transport=pages))
        vars(self).update(
            asked=0, receiver="page", team="checkout", quiet=1, lines_found=["a line"],
            results=[1], inhibited_by=["outage"], symptom_sent="never", labels=dict(LABELS),
            culprit="bad", traced=True,
        )  # fmt: skip
        vars(self).update(changed)

    async def firing(self, alert: str, service: str) -> Any:
        if alert != self.labels["alertname"]:
            return {"state": "pending"}
        vars(self)["asked"] += 1
        if not self.quiet < self.asked < self.quiet + 3:
            return None
        return {"state": "firing", "labels": self.labels, "annotations": ANNOTATIONS}

    async def held(self, alert: str, service: str) -> Any:
        if alert == OUTAGE:
            vars(self)["held_at"] = drill._iso(time.time())
        return {
            "receivers": [{"name": "page"}], "fingerprint": "outage",
            "status": {"inhibitedBy": self.inhibited_by},
        }  # fmt: skip

    async def sent(self, alert: str, service: str, status: str, since: str) -> Any:
        if alert != self.labels["alertname"]:
            sent = {"never": "", "before": self.held_at, "during": "9999"}[self.symptom_sent]
            return {"receiver": "page"} if sent >= since else None
        return {"receiver": self.receiver, "team": self.team}

    async def query(self, expression: str) -> Any:
        assert expression == 'up{a="b"}'
        return self.results

    async def label_values(self, label: str) -> list[str]:
        return {"service_name": ["orders"], "deployment_environment_name": ["production"]}[label]

    async def exemplars(self, selector: str, since: float) -> Any:
        if not self.traced:
            return []
        good = {"labels": {"trace_id": "good"}, "value": "0.1"}
        bad = {"labels": {"trace_id": "bad"}, "value": "1.5"}
        return [
            {**good, "series": {"http_response_status_code": "200"}},
            {**bad, "series": {"http_response_status_code": "500"}},
        ]

    async def spans(self, trace_id: str) -> Any:
        assert trace_id == self.culprit
        return [{}]

    async def lines(self, trace_id: str) -> Any:
        return self.lines_found

    def __getattr__(self, name: str) -> Any:
        return vars(self)[name]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting takes no time, and Grafana does not run."""
    instant = asyncio.sleep
    monkeypatch.setattr(drill.asyncio, "sleep", lambda _: instant(0))
    clock = iter(range(10**9))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    monkeypatch.setattr(stack, "is_ready", lambda component: False)

    async def docker(command: str, container: str) -> None:
        assert container == "none"

    async def check(url: str, *, is_slow: bool) -> str:
        return "" if url.startswith(NOWHERE.url) else "no fault route"

    monkeypatch.setattr(drill.faults, "check", check)

    monkeypatch.setattr(drill.faults, "_docker", docker)


def run(
    monitor: FakeMonitor, alert: str = ERRORS, target: Target = NOWHERE
) -> tuple[str, Progress]:
    """Drill one alert and return why it failed, and how far it came."""
    progress = Progress(alert, "orders")
    monitor.labels["alertname"] = alert
    said = asyncio.run(Drill(alert, target, 10, monitor, progress).run())
    return said, progress


@pytest.mark.parametrize("alert", [ERRORS, LATENCY, OUTAGE])
def test_every_step(alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the fault to the all-clear."""
    monkeypatch.setitem(ANNOTATIONS, "runbook_url", f"http://runbooks.test/{alert}")
    said, progress = run(FakeMonitor(), alert)
    assert said == ""
    assert tuple(progress.seconds) == drill.STEPS
    assert progress.notes[0] == "routed to  page, team checkout"
    assert ("inhibited  error_rate_above_1_percent, not sent any more" in progress.notes) == (
        alert == OUTAGE
    )


def test_an_outage_without_a_fault_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no symptom to hide, and the last request that went well leads to its trace."""
    monkeypatch.setitem(ANNOTATIONS, "runbook_url", f"http://runbooks.test/{OUTAGE}")
    monitor = FakeMonitor(culprit="good")
    said, progress = run(monitor, OUTAGE, replace(NOWHERE, errors=""))
    assert said == ""
    assert not any("inhibited" in note for note in progress.notes)
    assert any("/trace/good" in note for note in progress.notes)


def test_a_symptom_before_the_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent before Alertmanager knew of the outage could not be hidden by it."""
    monkeypatch.setitem(ANNOTATIONS, "runbook_url", f"http://runbooks.test/{OUTAGE}")
    said, _ = run(FakeMonitor(symptom_sent="before"), OUTAGE)
    assert said == ""


def test_an_outage_without_a_trace() -> None:
    """The service is not broken when there is nothing to follow."""
    said, _ = run(FakeMonitor(traced=False), OUTAGE, replace(NOWHERE, errors=""))
    assert "starting: it has no recent trace: send it a request" in said


@pytest.mark.parametrize(
    ("changed", "alert", "reason"),
    [
        ({"quiet": 0}, ERRORS, "active already"),
        ({"quiet": 10**6}, ERRORS, "pending: not within 270 s"),
        (
            {"labels": {"alertname": ERRORS, "severity": "critical"}},
            ERRORS,
            "('page', '') should be",
        ),
        ({"receiver": "ticket"}, ERRORS, "routing: ('ticket', 'checkout') was told"),
        ({"team": ""}, ERRORS, "routing: ('page', '') was told"),
        ({"results": []}, ERRORS, "the query of query_url has no result"),
        ({"lines_found": []}, ERRORS, "links: not within"),
        ({"inhibited_by": []}, OUTAGE, "inhibition: not within"),
        ({"symptom_sent": "during"}, OUTAGE, "was sent during its outage"),
    ],
)
def test_a_missed_step_is_named(
    changed: dict[str, Any], alert: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ends the drill."""
    monkeypatch.setitem(ANNOTATIONS, "runbook_url", f"http://runbooks.test/{alert}")
    said, progress = run(FakeMonitor(**changed), alert)
    assert said.startswith(f"{alert} of orders, ")
    assert reason in said
    assert progress.doing == "failed"


@pytest.mark.parametrize(
    ("link", "url", "reason"),
    [
        ("runbook_url", "http://runbooks.test/other", "runbook_url"),
        ("dashboard_url", f"{GRAFANA}/none?var-service=orders", "no dashboard 'none'"),
        ("dashboard_url", f"{GRAFANA}/service-red?var-pod=a", "has no variable var-pod"),
        ("dashboard_url", f"{GRAFANA}/service-red?var-service=shop", "no series has service_name="),
    ],
)  # fmt: skip
def test_a_dead_link_is_named(link: str, url: str, reason: str) -> None:
    """Each link of the alert is opened."""
    alert = {"labels": LABELS, "annotations": {**ANNOTATIONS, link: url}}
    anybody: links.IsCulprit = lambda exemplar: True  # noqa: E731
    with pytest.raises(DeadLinkError, match=reason):
        asyncio.run(links.follow(FakeMonitor(), alert, anybody, 0))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["drill", "no_such_alert"], "invalid choice: 'no_such_alert'"),
        (["drill", "--speed", "0"], "use a whole number from 1 to 5"),
        (["drill", "--speed", "fast"], "use a whole number from 1 to 5"),
        (["drill", "--service", "items"], "name the alert to drill on items"),
        (["drill", ERRORS, "--service", "items"], "needs --url"),
        (["drill", ERRORS, "--service", "items", "--url", "http://x"], "needs --errors"),
        (["drill", OUTAGE, "--service", "items", "--url", "http://x"], "needs --container"),
        (["drill", ERRORS, "--url", "http://x"], "--url is of a service of your own"),
        (
            ["drill", ERRORS, "--service", "a", "--url", "http://x", "--errors", "x"],
            "begin it with /",
        ),
        (["drill"], "is not up: make up PROFILE=examples"),
    ],
)
def test_what_cannot_be_drilled_is_said(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with an exit status that is not 0."""
    try:
        status = cli.main(arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status
    assert reason in capsys.readouterr().err


def test_what_is_no_fault_route_is_said() -> None:
    """Before anything is waited for."""
    said, _ = run(FakeMonitor(), ERRORS, replace(NOWHERE, url="http://elsewhere"))
    assert said.endswith("no fault route")


def test_rules_are_restored_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stack runs the committed rules again after a drill that ended badly."""
    calls: list[Mapping[str, str]] = []
    monkeypatch.setattr(drills, "STATE", tmp_path)
    monkeypatch.setattr(stack, "restart", lambda names, variables: calls.append(variables))
    monkeypatch.setattr(stack, "is_ready", lambda component: True)
    monkeypatch.setattr(local, "answers", lambda address: True)

    async def broken(*_: object) -> list[str]:
        assert "[1m]" in (Path(calls[-1]["BASELINE_RULES"]) / "services.yml").read_text()
        raise KeyboardInterrupt

    monkeypatch.setattr(drills, "_drills", broken)
    with pytest.raises(KeyboardInterrupt):
        drills.run(Console(quiet=True), {ERRORS: NOWHERE}, 5)
    assert calls[1:] == [{}]


def test_a_container_is_started_after_its_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the drill is interrupted while it still stops."""
    happened: list[str] = []
    instant = asyncio.sleep

    async def docker(command: str, container: str) -> None:
        happened.append(f"{command} begins")
        for _ in range(20):
            await instant(0)
        happened.append(f"{command} ends")

    async def interrupted() -> None:
        monkeypatch.setattr(drill.faults, "_docker", docker)
        task = asyncio.ensure_future(stop())
        for _ in range(5):
            await instant(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def stop() -> None:
        async with drill.faults.stopped("a"):
            raise AssertionError

    asyncio.run(interrupted())
    assert happened == ["stop begins", "stop ends", "start begins", "start ends"]


def test_a_service_of_ones_own() -> None:
    """Is drilled where it answers."""
    options = cli.parser().parse_args(
        ["drill", LATENCY, "--service", "items", "--url", "http://x/", "--delays", "/slow"]
    )
    wanted = replace(
        NOWHERE, service="items", url="http://x", container="", errors="", delays="/slow"
    )
    assert cli.targets(options) == {LATENCY: wanted}
    everything = cli.targets(cli.parser().parse_args(["drill"]))
    assert everything == drills.examples()
    assert len({target.service for target in everything.values()}) == 3
