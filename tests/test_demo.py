"""The demo shows two services at work, and its checks notice what is missing."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from baseline import cli, local, red, services, template, traffic, verify
from baseline.receiver import Span
from tests.support import ROOT, wait_for

DEMO = [sys.executable, "-m", "baseline.cli", "demo"]


def environment(folder: Path) -> dict[str, str]:
    """An environment in which temporary files go to `folder`."""
    return {**os.environ, "TMPDIR": str(folder), "COLUMNS": "120"}


def test_demo(tmp_path: Path) -> None:
    """The demo keeps all promises, shows spans of both services in one trace, and cleans up."""
    done = subprocess.run(
        DEMO, check=False, capture_output=True, text=True, env=environment(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tree = done.stdout[done.stdout.index("trace ") :]
    assert re.search(
        r"orders POST /orders server .*\n.*orders POST client .*\n.*payments POST", tree
    )
    assert re.search(r"(\d+) of \1 promises kept", done.stdout)
    assert "copier copy" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_keep_leaves_services_up(tmp_path: Path) -> None:
    """--keep prints where the services run, and they do."""
    done = subprocess.run(
        [*DEMO, "--keep"], check=False, capture_output=True, text=True, env=environment(tmp_path)
    )
    (numbers,) = re.findall(r"kill (\d+ \d+)", done.stdout)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        for url in re.findall(r"(http://127\.0\.0\.1:\d+) in", done.stdout):
            assert local.get(url + "/healthz").status_code == 200
        (folder,) = tmp_path.iterdir()
        assert (folder / "orders/app/api/orders.py").exists()
    finally:
        for number in numbers.split():
            os.kill(int(number), signal.SIGTERM)


def test_interrupt_cleans_up(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends the services and removes the folders."""
    process = subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path)
    )
    logs = wait_for(lambda: list(tmp_path.glob("*/payments.log")), 60)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 130
    assert b"nothing is left running" in errors
    assert not logs[0].parent.exists()
    running = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True)
    assert str(tmp_path) not in running.stdout


def test_no_permission_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A temporary folder that cannot be written is one line and exit status 1."""

    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied", "/tmp")  # noqa: S108  # a name in a message

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == "baseline: Permission denied: /tmp\n"


def test_failed_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that does not start is named with its last words."""
    start = services.start

    def broken(name: str, folder: Path, port: int, variables: dict[str, str]) -> services.Service:
        return start(name, folder, port, {**variables, "SHUTDOWN_DRAIN_SECONDS": "never"})

    monkeypatch.setattr(services, "start", broken)
    assert cli.main(["demo"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "orders ended at its start" in line
    assert "SHUTDOWN_DRAIN_SECONDS" in line


def test_outside_a_checkout_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the template there is nothing to demonstrate."""

    def missing() -> Path:
        raise template.TemplateMissingError("no copier.yml in /somewhere: run this command from")

    monkeypatch.setattr(template, "root", missing)
    assert cli.main(["demo"]) == 1
    assert "no copier.yml" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """--help shows examples."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "baseline demo --keep" in capsys.readouterr().out


# What two services emit for one good and one failing request, reduced to what the checks read.


def span(service: str, kind: str, trace: str, own: str, parent: str, *, failed: bool) -> Span:
    """A span of the evidence below."""
    state = traffic.VENDOR_STATE if trace == "t1" else ""
    return Span(service, f"{kind} span", kind, trace, own, parent, state, 1, 2, failed, {})


def line(event: str, trace: str, **more: object) -> str:
    """A log line of the evidence below."""
    always = dict.fromkeys(verify.contract()["log_fields"]["every_line"], "x")
    return json.dumps({**always, "event": event, "trace_id": trace, "span_id": "s", **more})


def metrics(requests: int) -> str:
    """All metrics of the contract, counting so many requests."""
    labels = (
        'http_request_method="POST",http_route="/",http_response_status_code="201",error_type=""'
    )
    texts = []
    for name, promised in verify.contract()["metrics"].items():
        texts.append(f"# TYPE {name} {promised['type']}")
        if name == red.DURATION:
            texts.append(f'{name}_bucket{{{labels},le="+Inf"}} {requests}')
            texts.append(f"{name}_count{{{labels}}} {requests}")
        elif promised["type"] == "histogram":
            texts.append(f"{name}_count 0")
        else:
            texts.append(f"{name} 1")
    return "\n".join(texts) + "\n"


@pytest.fixture
def evidence() -> verify.Evidence:
    """Evidence in which every promise is kept."""
    spans, lines = [], {"orders": [line("service started", "")], "payments": []}
    for trace, parent, failed in (("t1", "caller", False), ("t2", "", True)):
        spans += [
            span("orders", "SERVER", trace, f"{trace}a", parent, failed=failed),
            span("orders", "CLIENT", trace, f"{trace}b", f"{trace}a", failed=failed),
            span("payments", "SERVER", trace, f"{trace}c", f"{trace}b", failed=failed),
        ]
        for service in lines:
            lines[service].append(line("request", trace))
    lines["payments"].append(line("unhandled exception", "t2", exception={"type": "X"}))
    return verify.Evidence(
        sent=[
            traffic.Sent("good", 201, 201, "t1", inbound=True),
            traffic.Sent("failing", 502, 502, "t2", inbound=False),
        ],
        spans=spans,
        lines=lines,
        metrics={"orders": metrics(2), "payments": metrics(2)},
        endpoints={s: dict.fromkeys(verify.contract()["endpoints"], 200) for s in lines},
    )


def faults(evidence: verify.Evidence) -> list[str]:
    """The promises that were broken."""
    return [check.promise for check in verify.check(evidence) if check.faults]


def test_nothing_is_missing(evidence: verify.Evidence) -> None:
    """Whole evidence has no fault."""
    assert faults(evidence) == []


def without_line(evidence: verify.Evidence, event: str) -> dict[str, list[str]]:
    """The lines without those of one event."""
    return {s: [ln for ln in lines if event not in ln] for s, lines in evidence.lines.items()}


Broken = Callable[[verify.Evidence], verify.Evidence]


def breaks() -> Iterator[tuple[str, Broken]]:
    """Each promise, and a way to break it."""
    yield "answer", lambda e: replace(e, sent=[replace(e.sent[0], status=500), e.sent[1]])
    yield "answer", lambda e: replace(e, sent=[])
    yield "one trace", lambda e: replace(e, spans=e.spans[:-1])
    yield (
        "parent",
        lambda e: replace(
            e,
            spans=[
                replace(s, parent_id="" if s.service == "payments" else s.parent_id)
                for s in e.spans
            ],
        ),
    )
    yield "tracestate", lambda e: replace(e, spans=[replace(s, trace_state="") for s in e.spans])
    yield "JSON", lambda e: replace(e, lines={**e.lines, "orders": [*e.lines["orders"], "INFO: x"]})
    yield "JSON", lambda e: replace(e, lines={**e.lines, "orders": [*e.lines["orders"], "{}"]})
    yield "access line", lambda e: replace(e, lines=without_line(e, '"request"'))
    yield "error line", lambda e: replace(e, lines=without_line(e, "unhandled"))
    yield "error line", lambda e: replace(e, spans=[replace(s, failed=False) for s in e.spans])
    yield "/healthz", lambda e: replace(e, endpoints={**e.endpoints, "orders": {"/healthz": 200}})
    yield "metrics", lambda e: replace(e, metrics={**e.metrics, "orders": metrics(1)})
    yield (
        "metrics",
        lambda e: replace(
            e, metrics={**e.metrics, "orders": metrics(2).replace("target_info", "other_info")}
        ),
    )


@pytest.mark.parametrize(("promise", "broken"), list(breaks()))
def test_what_is_missing_is_noticed(
    evidence: verify.Evidence, promise: str, broken: Broken
) -> None:
    """Each kind of loss breaks the promise that it belongs to."""
    assert any(promise in found for found in faults(broken(evidence)))


def test_quantile_is_promqls() -> None:
    """Quantiles are interpolated inside their bucket, and end at the last finite bound."""
    cumulative = {0.1: 50.0, 1.0: 100.0, float("inf"): 100.0}
    assert red.quantile(0.5, cumulative) == pytest.approx(0.1)
    assert red.quantile(0.75, cumulative) == pytest.approx(0.55)
    assert red.quantile(0.99, {1.0: 0.0, float("inf"): 5.0}) == 1.0
    assert red.quantile(0.99, {}) is None


def test_exit_status_follows_the_checks(
    monkeypatch: pytest.MonkeyPatch, evidence: verify.Evidence
) -> None:
    """One broken promise is exit status 1."""
    from contextlib import contextmanager

    from baseline import demo

    @contextmanager
    def nothing(*_: object) -> Iterator[list[services.Service]]:
        yield []

    worse = dataclasses.replace(evidence, spans=[])
    monkeypatch.setattr(demo, "_generate", lambda *_: None)
    monkeypatch.setattr(demo, "_started", nothing)
    for given, status in ((evidence, 0), (worse, 1)):
        monkeypatch.setattr(demo, "_observe", lambda *_, given=given: (given, 1.0))
        monkeypatch.setattr(demo, "_show", lambda *_: None)
        assert demo.run(Console(quiet=True), keep=False) == status


def test_the_root_is_the_checkout() -> None:
    """The command finds the template that it belongs to."""
    assert template.root() == ROOT
