"""One request leads from metric to trace to log line, and a user's service joins by itself."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baseline import local, stack, trace
from baseline.targets import TARGETS
from tests.e2e.support import compose, eventually, lines, prometheus, report, run, value
from tests.support import ROOT

ORDERS = stack.example("orders")


def order() -> str:
    """Place an order and return the id of its trace."""
    placed = local.post(f"{ORDERS}/orders", json={"item": "book", "amount_cents": 1000})
    assert placed.status_code == 201
    return placed.headers["traceresponse"].split("-")[1]


def test_status_says_what_is_up() -> None:
    """Everything but what could not be pulled is ready."""
    shown = subprocess.run(
        ["make", "status"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    assert shown.count("ready") >= 5


def test_trace_lines_and_exemplar() -> None:
    """`baseline trace` finds all three and says where, within 15 seconds of the request."""
    shown = run("make", "trace")
    (seconds,) = re.findall(r"^Stored after (\d+) s", shown, flags=re.MULTILINE)
    assert int(seconds) < 15
    report("trace, lines and exemplar of one request", f"{seconds} s")
    assert "orders, payments" in shown


def test_targets_have_the_labels() -> None:
    """Both examples are scraped with the labels that alerts group and route by."""
    names = ("service_name", "deployment_environment_name", "team")

    def scraped() -> bool:
        up = prometheus("query", query='up{service_name!=""} == 1')["result"]
        return {
            ("orders", "development", "checkout"),
            ("payments", "development", "payments-core"),
        } <= {tuple(one["metric"][name] for name in names) for one in up}

    assert eventually(scraped)


def test_loki_holds_what_was_printed() -> None:
    """Each line of a container is in Loki with its time and each of its fields, and no others."""
    failed = local.get(f"{ORDERS}/faults/error").headers["traceresponse"].split("-")[1]
    trace_ids = {failed, *(order() for _ in range(5))}
    printed = []
    for service in ("orders", "payments"):
        for text in compose("logs", "--no-log-prefix", "--no-color", service).splitlines():
            line = json.loads(text)
            if line.get("trace_id") in trace_ids:
                printed.append(as_stored(line))
    assert len(printed) >= 4 * len(trace_ids) - 2  # a failure has two: the exception, the request
    query = f'{{service_name=~"orders|payments"}} | trace_id=~"{"|".join(trace_ids)}"'

    def stored() -> list[dict[str, str]]:
        found = [
            {**labels, "event": text, "timestamp": nanoseconds}
            for labels, nanoseconds, text in lines(query)
        ]
        return found if len(found) >= len(printed) else []

    found = [{key: one[key] for key in one if key not in ADDED} for one in eventually(stored)]
    assert Counter(map(repr_of, found)) == Counter(map(repr_of, printed))
    report("log lines in Loki, equal in every field", len(printed))


# What a record has and the line on stdout does not: the SDK's own, and the resource's.
ADDED = {
    "flags", "observed_timestamp", "scope_name", "service_instance_id", "service_namespace",
    "severity_number", "telemetry_sdk_language", "telemetry_sdk_name", "telemetry_sdk_version",
}  # fmt: skip
NAMES = {
    "service": "service_name", "version": "service_version", "level": "severity_text",
    "environment": "deployment_environment_name",
}  # fmt: skip


def as_stored(line: dict[str, Any]) -> dict[str, str]:
    """Return a line's fields under Loki's names; objects are flat there."""
    flat = {key: value for key, value in line.items() if not isinstance(value, dict)}
    for outer, inner in line.items():
        if isinstance(inner, dict):
            flat |= {f"{outer}_{key}": value for key, value in inner.items()}
    moment = datetime.fromisoformat(flat.pop("timestamp"))
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    named = {NAMES.get(key, key.replace(".", "_")): str(value) for key, value in flat.items()}
    return {**named, "timestamp": str(microseconds * 1000)}


def repr_of(line: dict[str, str]) -> str:
    """Return a line as a text that is equal for equal lines, however a number is written."""
    numbers = {"duration_s": float}
    return repr(sorted((key, numbers.get(key, str)(value)) for key, value in line.items()))


def test_jaegers_monitor_has_data() -> None:
    """The Monitor tab's own queries return calls and latencies."""
    jaeger = trace.address("jaeger")
    for metric in ("calls", "latencies"):
        parameters = {
            "service": "orders", "spanKind": "server", "groupByOperation": "true",
            "lookback": 600_000, "step": 5_000, "ratePer": 60_000, "quantile": 0.95,
        }  # fmt: skip

        def points(metric: str = metric, parameters: dict[str, object] = parameters) -> list[float]:
            answer = local.get(f"{jaeger}/api/metrics/{metric}", params=parameters)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
            return [
                point["gaugeValue"]["doubleValue"]
                for series in answer.json()["metrics"]
                for point in series["metricPoints"]
                if point["gaugeValue"]["doubleValue"] not in ("NaN", 0)
            ]

        report(f"points in Jaeger's Monitor, {metric}", len(eventually(points)))


@pytest.mark.usefixtures("container")
def test_new_service_in_a_container_joins() -> None:
    """`docker compose up` in its folder is all: its metrics are there within 30 seconds."""
    start = time.monotonic()
    eventually(lambda: value('up{service_name="third",team="checkout"}') == 1, 30)
    report("a new service is scraped", f"{time.monotonic() - start:.0f} s")


def test_new_service_on_the_host_joins(third: Path) -> None:
    """`make run` too, and it leaves no target behind."""
    service = subprocess.Popen(["make", "run", f"PYTHON={sys.executable}"], cwd=third)
    try:
        instance = 'instance="third on this machine"'  # the container of the test before may linger
        eventually(lambda: value(f'up{{service_name="third",{instance}}}') == 1)
    finally:
        service.terminate()
        service.wait(20)
    assert not (TARGETS / "third.json").exists()
    report("a service under make run is scraped", "yes")
