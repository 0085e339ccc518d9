"""The sampler decides as the SDK's own would for the same variables."""

from hashlib import sha256

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from app.observability.sampling import sampler
from app.settings import load_settings

TRACE_IDS = [
    *(1, 2**64 - 1, 2**64),
    *(int.from_bytes(sha256(bytes([n])).digest()[:16]) for n in range(256)),
]


def caller(flags: int, remote: bool) -> SpanContext:
    """A parent with a trace state."""
    return SpanContext(1, 3, remote, TraceFlags(flags), TraceState.from_header(["vendor=1"]))


@pytest.mark.parametrize("argument", ["", "0", "0.1", "0.5", "1"])
@pytest.mark.parametrize(
    "name",
    ["always_on", "always_off", "traceidratio",
     "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"],
)  # fmt: skip
@pytest.mark.parametrize(
    "parent",
    [None, caller(0, True), caller(1, True), caller(0, False), caller(1, False)],
    ids=["no caller", "not sampled", "sampled", "not sampled here", "sampled here"],
)
def test_decides_as_the_sdk(
    monkeypatch: pytest.MonkeyPatch, name: str, argument: str, parent: SpanContext | None
) -> None:
    """For each sampler, caller and share, over trace ids of all sizes."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    ours, theirs = sampler(load_settings()), TracerProvider(shutdown_on_exit=False).sampler
    context = set_span_in_context(NonRecordingSpan(parent), Context()) if parent else Context()
    kept = 0
    for trace_id in TRACE_IDS:
        ours_says, theirs_says = (
            one.should_sample(context, trace_id, "GET", SpanKind.SERVER, {"a": 1})
            for one in (ours, theirs)
        )
        assert vars(ours_says) == vars(theirs_says)
        assert ours.keeps(trace_id, parent) == (ours_says.decision is Decision.RECORD_AND_SAMPLE)
        kept += ours.keeps(trace_id, parent)
    if parent is None and name.endswith("traceidratio") and argument == "0.1":
        assert 10 < kept < 50
