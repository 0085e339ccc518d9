"""Hold what the services emitted against the contract; pure functions over plain data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from baseline import red
from baseline.receiver import Span
from baseline.traffic import VENDOR_STATE, Sent


@dataclass(frozen=True)
class Evidence:
    """What was sent and what came of it, by service where it is a dictionary."""

    sent: list[Sent]
    spans: list[Span]
    lines: dict[str, list[str]]
    metrics: dict[str, str]
    endpoints: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Check:
    """A promise and where it was broken; without faults it holds."""

    promise: str
    faults: list[str]


@cache
def contract() -> dict[str, Any]:
    """Return the contract that comes with this package."""
    text = files("baseline").joinpath("contract.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def check(evidence: Evidence) -> list[Check]:
    """Return every promise with the faults that were found."""
    promises = {
        "each request got the answer that it should": _answers,
        "each request is one trace across both services": _traces,
        "each hop has its parent": _parents,
        "a caller's trace id and tracestate go all the way": _inbound,
        "each line is JSON with the contract's fields": _fields,
        "each request has its access line in both services": _access_lines,
        "each failure has one error line with its stack": _failures,
        "/healthz, /ready and /metrics answer": _endpoints,
        "the contract's metrics are there, and count each request": _metrics,
    }
    return [Check(promise, list(find(evidence))) for promise, find in promises.items()]


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    """Return the lines that are JSON objects."""
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _by_trace(evidence: Evidence) -> Iterator[tuple[Sent, list[Span]]]:
    for sent in evidence.sent:
        yield sent, [span for span in evidence.spans if span.trace_id == sent.trace_id]


def _answers(evidence: Evidence) -> Iterator[str]:
    if not evidence.sent:
        yield "no request was sent"
    for sent in evidence.sent:
        if sent.status != sent.expected:
            yield f"a {sent.kind} request was answered {sent.status}, not {sent.expected}"


def _traces(evidence: Evidence) -> Iterator[str]:
    expected = [("orders", "CLIENT"), ("orders", "SERVER"), ("payments", "SERVER")]
    for sent, spans in _by_trace(evidence):
        found = sorted((span.service, span.kind) for span in spans)
        if found != expected:
            yield f"trace {sent.trace_id or '(none)'} has {found or 'no span'}"


def _parents(evidence: Evidence) -> Iterator[str]:
    for sent, spans in _by_trace(evidence):
        known = {span.span_id for span in spans}
        for span in spans:
            is_first = span.service == "orders" and span.kind == "SERVER"
            if is_first and bool(span.parent_id) != sent.inbound:
                yield f"{span.service} {span.name} in trace {sent.trace_id} has a wrong parent"
            if not is_first and span.parent_id not in known:
                yield f"{span.service} {span.name} in trace {sent.trace_id} has no parent"


def _inbound(evidence: Evidence) -> Iterator[str]:
    for sent, spans in _by_trace(evidence):
        if sent.inbound and not spans:
            yield f"the caller's trace {sent.trace_id} was not continued"
        if sent.inbound:
            for span in spans:
                if span.trace_state != VENDOR_STATE:
                    yield f"{span.service} {span.name} lost the caller's tracestate"


def _fields(evidence: Evidence) -> Iterator[str]:
    always = set(contract()["log_fields"]["every_line"])
    for service, lines in evidence.lines.items():
        if not lines:
            yield f"{service} printed nothing"
        objects = parsed(lines)
        if len(objects) != len(lines):
            yield f"{service} printed {len(lines) - len(objects)} lines that are not JSON"
        for line in objects:
            if missing := always - line.keys():
                yield f"{service}: a line lacks {', '.join(sorted(missing))}"


def _access_lines(evidence: Evidence) -> Iterator[str]:
    for service, lines in evidence.lines.items():
        access = [
            line
            for line in parsed(lines)
            # a probe is no request: it has a line, without a trace, when it fails
            if line.get("event") == "request"
            and line.get("url.path") not in contract()["endpoints"]
        ]
        if any("trace_id" not in line or "span_id" not in line for line in access):
            yield f"{service}: an access line has no trace_id"
        ids = [line.get("trace_id") for line in access]
        for sent in evidence.sent:
            if ids.count(sent.trace_id) != 1:
                yield f"{service} has {ids.count(sent.trace_id)} access lines of {sent.trace_id}"


def _failures(evidence: Evidence) -> Iterator[str]:
    lines = [line for line in parsed(evidence.lines.get("payments", [])) if "exception" in line]
    for sent, spans in _by_trace(evidence):
        if sent.kind != "failing":
            continue
        if [line.get("trace_id") for line in lines].count(sent.trace_id) != 1:
            yield f"the failure in trace {sent.trace_id} has no error line of its own"
        if not all(span.failed for span in spans):
            yield f"a span of the failure in trace {sent.trace_id} is not marked as an error"


def _endpoints(evidence: Evidence) -> Iterator[str]:
    for service, answers in evidence.endpoints.items():
        for path in contract()["endpoints"]:
            if answers.get(path) != 200:
                yield f"{service}{path} answered {answers.get(path, 'nothing')}"


def _metrics(evidence: Evidence) -> Iterator[str]:
    for service, text in evidence.metrics.items():
        exposed = {
            family.name + ("_total" if family.type == "counter" else "")
            for family in text_string_to_metric_families(text)
        }
        if missing := contract()["metrics"].keys() - exposed:
            yield f"{service}: /metrics lacks {', '.join(sorted(missing))}"
        counted = sum(route.requests for route in red.routes(text))
        if counted != len(evidence.sent):
            yield f"{service} counted {counted:.0f} of {len(evidence.sent)} requests"
