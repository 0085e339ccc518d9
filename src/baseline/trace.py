"""Follow one request through the running stack: its trace, its log lines, an exemplar."""

import json
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import httpx
from rich.console import Console

from baseline import local, stack
from baseline.stack import StackError

STORED_SECONDS: Final = 30.0


def follow(console: Console) -> int:
    """Send an order, wait until its signals are stored, and print the links to them."""
    jaeger, loki, prometheus = (address(name) for name in ("jaeger", "loki", "prometheus"))
    try:
        placed = local.post(
            f"{stack.example('orders')}/orders", json={"item": "book", "amount_cents": 1000}
        )
    except httpx.TransportError:
        raise StackError("the examples do not run: make up PROFILE=examples") from None
    trace_id = placed.headers["traceresponse"].split("-")[1]
    console.print(f"POST /orders answered {placed.status_code}, trace {trace_id}")
    start = time.monotonic()
    with console.status("Waiting until trace, lines and exemplar are stored ..."):
        services = wait_for("the trace", lambda: services_of(jaeger, trace_id))
        lines = wait_for("the log lines", lambda: lines_of(loki, trace_id))
        exemplar = wait_for("an exemplar", lambda: exemplar_of(prometheus, "orders", "/orders"))
        wait_for("the exemplar's trace", lambda: services_of(jaeger, exemplar))
    console.print(f"Stored after {time.monotonic() - start:.0f} s.")
    names = ", ".join(sorted(services))
    console.print(f"Trace     {names}: {jaeger}/trace/{trace_id}", soft_wrap=True)
    console.print(f"Lines     {len(lines)} in Loki: {explore(trace_id)}", soft_wrap=True)
    console.print(f"Exemplar  of POST /orders: {jaeger}/trace/{exemplar}", soft_wrap=True)
    return 0


def address(name: str) -> str:
    """Return where a component of the stack answers on this machine."""
    return stack.url(stack.component(name), "")


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """Return the first answer that is not empty; raises StackError when there is none in time."""
    end = time.monotonic() + STORED_SECONDS
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.25)
    raise StackError(f"{what} did not arrive within {STORED_SECONDS:.0f} s: see make status")


def services_of(jaeger: str, trace_id: str) -> set[str]:
    """Return the services with spans in a trace, once both examples have one."""
    answer = local.get(f"{jaeger}/api/traces/{trace_id}")
    if answer.status_code != 200:
        return set()
    traces = answer.json()["data"]
    found = {process["serviceName"] for one in traces for process in one["processes"].values()}
    return found if found >= {"orders", "payments"} else set()


def lines_query(trace_id: str) -> str:
    """Return the LogQL that finds the lines of a trace, whichever service wrote them."""
    return f'{{service_name=~".+"}} | trace_id="{trace_id}"'


def lines_of(loki: str, trace_id: str) -> list[str]:
    """Return the log lines of a trace, once both examples have one."""
    query, now = lines_query(trace_id), time.time_ns()
    answer = local.get(
        f"{loki}/loki/api/v1/query_range",
        params={"query": query, "start": now - 600 * 10**9, "end": now, "limit": 100},
    )  # fmt: skip
    answer.raise_for_status()
    streams = answer.json()["data"]["result"]
    services = {stream["stream"]["service_name"] for stream in streams}
    lines = [line for stream in streams for _, line in stream["values"]]
    return lines if services >= {"orders", "payments"} else []


def exemplar_of(prometheus: str, service: str, route: str) -> str:
    """Return the trace id of the newest exemplar of a route, or an empty text."""
    labels = f'service_name="{service}",http_route="{route}"'
    series = f"http_server_request_duration_seconds_bucket{{{labels}}}"
    now = time.time()
    answer = local.get(
        f"{prometheus}/api/v1/query_exemplars",
        params={"query": series, "start": now - 300, "end": now},
    )  # fmt: skip
    answer.raise_for_status()
    found = [one for series in answer.json()["data"] for one in series["exemplars"]]
    newest = max(found, key=lambda one: one["timestamp"], default=None)
    return str(newest["labels"]["trace_id"]) if newest else ""


def explore(trace_id: str) -> str:
    """Return the address of Grafana's Explore with the lines of a trace."""
    query = {
        "refId": "A", "datasource": {"type": "loki", "uid": "loki"},
        "expr": lines_query(trace_id),
    }  # fmt: skip
    panes = {
        "lines": {
            "datasource": "loki",
            "queries": [query],
            "range": {"from": "now-1h", "to": "now"},
        }
    }
    return f"{address('grafana')}/explore?schemaVersion=1&panes={quote(json.dumps(panes))}"
