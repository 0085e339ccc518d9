"""What the stack withstands: outages of its parts, and secrets that a service failed to redact."""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from baseline import local, stack, trace
from tests.e2e.support import compose, eventually, lines, report, run
from tests.e2e.test_signals import ORDERS, order

OUTAGE_SECONDS = 60
OTLP = "http://127.0.0.1:4318"


@contextmanager
def stopped(component: str) -> Iterator[None]:
    """Stop a component, start it again in the end, and wait until it is ready."""
    compose("stop", component)
    try:
        yield
    finally:
        compose("start", component)
        eventually(lambda: stack.is_ready(stack.component(component)), 60)


def test_outage_of_jaeger_loses_no_span() -> None:
    """A minute of traffic, the collector restarted meanwhile: each trace is there afterwards."""
    trace_ids = []
    with stopped("jaeger"):
        end = time.monotonic() + OUTAGE_SECONDS
        restart = threading.Timer(OUTAGE_SECONDS / 2, compose, ["restart", "otel-collector"])
        restart.start()
        while time.monotonic() < end:
            trace_ids.append(order())
            time.sleep(0.2)
        restart.join()
    jaeger = trace.address("jaeger")
    eventually(lambda: local.get(f"{jaeger}/api/services").status_code == 200, 30)
    missing = set(trace_ids)

    def arrived() -> bool:
        for trace_id in list(missing):
            if trace.services_of(jaeger, trace_id):
                missing.discard(trace_id)
        return not missing

    eventually(arrived, 60)
    report("traces of an outage of Jaeger that arrived", f"{len(trace_ids)} of {len(trace_ids)}")


@pytest.mark.parametrize("component", ["loki", "otel-collector"])
def test_outage_of_the_pipeline_hurts_no_request(component: str) -> None:
    """Requests are answered as before while their lines or spans have nowhere to go."""
    with stopped(component), httpx.Client(base_url=ORDERS, timeout=5) as client:
        start = time.monotonic()
        statuses = Counter(client.get("/healthz").status_code for _ in range(100))
        for _ in range(50):
            statuses[client.post("/orders", json={"item": "a", "amount_cents": 1}).status_code] += 1
        assert statuses == {200: 100, 201: 50}
        seconds = time.monotonic() - start
    report(f"150 requests while {component} was stopped", f"{seconds:.1f} s, none failed")


def test_secret_is_found_nowhere() -> None:
    """Redaction in the collector is the second line: a service that forgot the first is caught."""
    secret, marker = f"canary{secrets.token_hex(8)}", f"marker{secrets.token_hex(8)}"
    card, token = f"4{secrets.randbelow(10**15):015}", f"eyJ{secret}.{secret}.{secret}"
    message = f"password={secret} http://ada:{secret}@other.example/"
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    now = str(time.time_ns())
    attributes = [
        attribute("password", secret),
        attribute("db.statement", f"login password={secret} as ada"),
        attribute("url.full", f"http://ada:{secret}@other.example/"),
        attribute("card", card),
        attribute("note", marker),
    ]
    resource = {"attributes": [
        attribute("service.name", "canary"),
        attribute("deployment.environment.name", "development"),
    ]}  # fmt: skip
    span = {
        "traceId": trace_id, "spanId": span_id, "name": "canary", "kind": 2,
        "attributes": attributes, "startTimeUnixNano": now, "endTimeUnixNano": now,
        "status": {"code": 2, "message": f"{message} Bearer {secret} {token} {card}"},
        "events": [{"name": "exception", "timeUnixNano": now, "attributes": attributes}],
    }  # fmt: skip
    bodies = [
        f"{marker} password={secret}",
        json.dumps({"event": marker, "password": secret, "api_key": secret}),
        json.dumps({"event": marker, "token": secret, "text": "x" * 50})[:-20],
        f"{marker} http://ada:{secret}@other.example/",
    ]
    records = [
        {"timeUnixNano": now, "traceId": trace_id, "spanId": span_id, "attributes": attributes,
         "body": {"stringValue": body}}
        for body in bodies
    ]  # fmt: skip
    for path, data in (
        ("traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}),
        (
            "logs",
            {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]},
        ),
    ):
        assert local.post(f"{OTLP}/v1/{path}", json=data).status_code == 200

    jaeger = trace.address("jaeger")

    def stored_trace() -> str:
        answer = local.get(f"{jaeger}/api/traces/{trace_id}")
        return answer.text if marker in answer.text else ""

    def stored_lines() -> str:
        found = repr(lines('{service_name="canary"}'))
        return found if found.count(marker) >= len(bodies) else ""

    for where, found in (("Jaeger", eventually(stored_trace)), ("Loki", eventually(stored_lines))):
        assert secret not in found, found
        assert card not in found, found
        report(f"secrets found in {where}, beside a marker that was", 0)


def attribute(key: str, value: str) -> dict[str, object]:
    """Return an attribute as OTLP has it in JSON."""
    return {"key": key, "value": {"stringValue": value}}


def test_restart_loses_nothing() -> None:
    """After down and up the trace and the lines of a request from before are still there."""
    trace_id = order()
    jaeger, loki = trace.address("jaeger"), trace.address("loki")
    eventually(lambda: trace.services_of(jaeger, trace_id))
    eventually(lambda: trace.lines_of(loki, trace_id))
    run("make", "down")
    run("make", "up", "PROFILE=examples")
    assert eventually(lambda: trace.services_of(jaeger, trace_id), 60)
    assert eventually(lambda: trace.lines_of(loki, trace_id), 60)
    report("a trace and its lines survive a restart", "yes")
