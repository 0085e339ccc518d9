"""The histogram of requests. An observation is two additions: every request makes one.

prometheus-client's own histogram checks, locks and searches first, for threads and labels of all
kinds; it still writes the exposition.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from opentelemetry.trace import TraceFlags
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from . import names
from .tracecontext import Ids

EXEMPLAR_SECONDS: Final = 1.0

_BOUNDS: Final = (*names.DURATION_BUCKETS, math.inf)
_LE: Final = tuple(map(floatToGoString, _BOUNDS))
_LABELS: Final = (
    names.LABEL_METHOD, names.LABEL_ROUTE, names.LABEL_STATUS, names.LABEL_ERROR_TYPE,
)  # fmt: skip


@dataclass(slots=True)
class _Series:
    """What was observed for one method, route and status, by bucket."""

    total: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    exemplars: list[Exemplar | None] = field(default_factory=lambda: [None] * len(_BOUNDS))
    due: list[float] = field(default_factory=lambda: [0.0] * len(_BOUNDS))
    created: float = field(default_factory=time.time)


class RequestDurations(Collector):
    """Seconds of each request by method, route and status. Only one thread may observe."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str], _Series] = {}

    def create(self, method: str, route: str, status: str) -> None:
        """Start a series at zero, unless there is one."""
        self._series.setdefault((method, route, status), _Series())

    def observe(
        self, method: str, route: str, status: str, seconds: float, ids: Ids | None
    ) -> None:
        """Count one request; its bucket takes a sampled span as exemplar, one a second at most."""
        key = (method, route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series()
        bucket = bisect_left(_BOUNDS, seconds)
        series.counts[bucket] += 1
        series.total += seconds
        if ids is not None and ids.flags & TraceFlags.SAMPLED:
            now = time.monotonic()
            if now >= series.due[bucket]:
                series.due[bucket] = now + EXEMPLAR_SECONDS
                series.exemplars[bucket] = Exemplar(labels_of(ids), seconds, time.time())

    def describe(self) -> Iterable[Metric]:
        """Yield the family without series: a registry refuses a second one of its name."""
        yield _family()

    def collect(self) -> Iterable[Metric]:
        """Yield the family, as prometheus-client asks for it."""
        family = _family()
        for (method, route, status), series in list(self._series.items()):
            buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = [
                (bound, count, exemplar) if exemplar else (bound, count)
                for bound, count, exemplar in zip(
                    _LE, accumulate(series.counts), series.exemplars, strict=True
                )
            ]
            values = (method, route, status, status if status >= "500" else "")
            family.add_metric(values, buckets, series.total)
            labels = dict(zip(_LABELS, values, strict=True))
            family.add_sample(f"{names.REQUEST_DURATION}_created", labels, series.created)
        yield family


def _family() -> HistogramMetricFamily:
    text = "Time from the first byte of a request to the last byte of its response."
    return HistogramMetricFamily(names.REQUEST_DURATION, text, labels=_LABELS)


def labels_of(ids: Ids) -> dict[str, str]:
    """Return the labels of an exemplar."""
    return {names.TRACE_ID: ids.trace_id, names.SPAN_ID: ids.span_id}
