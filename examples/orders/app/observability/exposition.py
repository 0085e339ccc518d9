"""`/metrics` in the two text formats that Prometheus reads, and the health of telemetry itself."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from . import names, output
from .export import SpanQueue

OPENMETRICS = "application/openmetrics-text"


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return body and content type for an Accept header, whatever that header says."""
    if OPENMETRICS in accept:
        body: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return body, f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
    return generate_latest(_WithoutCreated(registry)), CONTENT_TYPE_PLAIN_0_0_4


class _WithoutCreated(Collector):
    """The classic format has no created timestamps: there they would be series of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            created = metric.name + "_created"
            metric.samples = [sample for sample in metric.samples if sample.name != created]
            yield metric


class TelemetryHealth(Collector):
    """What telemetry itself lost or holds back, so that a silent loss can be alerted on."""

    def __init__(self, queue: SpanQueue | None) -> None:
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        written = CounterMetricFamily(names.LOG_LINES_WRITTEN, "Log lines written to stdout.")
        written.add_metric([], output.written)
        yield written
        yield _counter(
            names.LOG_LINES_DROPPED,
            "Log lines lost because stdout was blocked or broken.",
            output.dropped,
        )
        if self._queue is None:
            return
        yield GaugeMetricFamily(
            names.SPAN_QUEUE_SIZE, "Spans waiting for export.", self._queue.size
        )
        yield GaugeMetricFamily(
            names.SPAN_QUEUE_CAPACITY, "Spans that may wait for export.", self._queue.capacity
        )
        yield _counter(
            names.SPANS_PROCESSED,
            "Ended spans, by what kept them from the queue.",
            self._queue.processed,
        )
        yield _counter(names.SPANS_EXPORTED, "Spans exported, by error type.", self._queue.exported)


def _counter(name: str, text: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[names.LABEL_ERROR_TYPE])
    for error, count in counts.items():
        family.add_metric([error], count)
    return family
