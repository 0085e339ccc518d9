"""The request histogram is prometheus-client's in all but its cost."""

import time
from collections.abc import Iterable

import pytest
from opentelemetry.trace import TraceFlags
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from app.observability import names
from app.observability.durations import RequestDurations
from app.observability.tracecontext import Ids

LABELS = {
    names.LABEL_METHOD: "GET",
    names.LABEL_ROUTE: "/orders/{order_id}",
    names.LABEL_STATUS: "500",
    names.LABEL_ERROR_TYPE: "500",
}
SERIES = ("GET", "/orders/{order_id}", "500")
BESIDE_EACH_BOUND = [
    seconds for bound in names.DURATION_BUCKETS for seconds in (bound - 1e-9, bound, bound + 1e-9)
]


def samples(families: Iterable[Family]) -> list[Sample]:
    """What would be written, but for the moment of creation."""
    return [
        sample._replace(value=0) if sample.name.endswith("_created") else sample
        for family in families
        for sample in family.samples
    ]


def exemplars(durations: RequestDurations) -> dict[str, str]:
    """The trace ids of the exemplars, by the bound of their buckets."""
    return {
        sample.labels["le"]: sample.exemplar.labels["trace_id"]
        for sample in samples(durations.collect())
        if sample.exemplar
    }


def ids(trace_id: str, flags: int = TraceFlags.SAMPLED) -> Ids:
    """The ids of a span."""
    return Ids(trace_id, "1", flags)


def test_counts_as_prometheus_client() -> None:
    """The same samples for times below, on and above each bound, of a series that began at zero."""
    ours = RequestDurations()
    theirs = Histogram(
        names.REQUEST_DURATION, "x", list(LABELS), buckets=names.DURATION_BUCKETS, registry=None
    )
    ours.create(*SERIES)
    child = theirs.labels(**LABELS)
    for seconds in [None, *BESIDE_EACH_BOUND, 0.0, 1e6]:
        if seconds is not None:
            ours.observe(*SERIES, seconds, None)
            child.observe(seconds)
        assert samples(ours.collect()) == samples(theirs.collect())
    ours.create(*SERIES)
    assert samples(ours.collect()) == samples(theirs.collect())


def test_tells_when_a_series_began() -> None:
    """As OpenMetrics has it, in seconds since the epoch."""
    durations, before = RequestDurations(), time.time()
    durations.create(*SERIES)
    (created,) = [s for f in durations.collect() for s in f.samples if s.name.endswith("_created")]
    assert created.labels == LABELS
    assert before <= created.value <= time.time()


def test_a_bucket_takes_one_exemplar_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bucket for itself, of sampled spans only, with the time of the observation."""
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "time", lambda: 1e9)
    durations = RequestDurations()
    durations.observe(*SERIES, 0.003, ids("unsampled", 0))
    durations.observe(*SERIES, 0.003, ids("a"))
    durations.observe(*SERIES, 0.004, ids("too early"))
    durations.observe(*SERIES, 0.2, ids("b"))
    assert exemplars(durations) == {"0.005": "a", "0.25": "b"}
    clock[0] += 1
    durations.observe(*SERIES, 0.004, ids("c"))
    assert exemplars(durations) == {"0.005": "c", "0.25": "b"}
    (found,) = [s.exemplar for s in samples(durations.collect()) if s.labels.get("le") == "0.005"]
    assert found is not None
    assert (found.value, found.timestamp) == (0.004, 1e9)


def test_its_name_is_taken() -> None:
    """A service that makes the same metric again is told, as with any other."""
    registry = CollectorRegistry()
    registry.register(RequestDurations())
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram(names.REQUEST_DURATION, "x", registry=registry)
