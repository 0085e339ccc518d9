"""The queue between ended spans and the collector: bounded, counted, flushed with a deadline."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from .logs import REPEAT_SECONDS, get_logger
from .render import named

FLUSH_SECONDS = 5.0

_log = get_logger(__name__)


class _Losses:
    """Says in one line a minute at most that spans were lost, how many so far, and why."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self.told = 0
        self._quiet_until = 0.0

    def add(self, count: int, reason: str) -> None:
        with self._lock:
            self._count += count
            if time.monotonic() < self._quiet_until:
                return
            self._quiet_until = time.monotonic() + REPEAT_SECONDS
            self.told = self._count
        _log.warning("spans lost", spans_lost=self._count, reason=reason)


class _CountingExporter(SpanExporter):
    """Passes batches on to the real exporter and counts what became of them.

    The exporter is made for the first batch, so that no start waits for its import.
    """

    def __init__(self, make: Callable[[], SpanExporter], losses: _Losses) -> None:
        self._make = make
        self._exporter: SpanExporter | None = None
        self._losses = losses
        self._heard = _LastMessage()
        self.taken = 0
        self.exported: Counter[str] = Counter({"": 0, "export_failed": 0})

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        self._heard.text = ""
        try:
            if self._exporter is None:
                self._exporter = self._make()
                self._heard.listen(self._exporter)
            result = self._exporter.export(spans)
        except Exception as error:  # a lost batch, never the end of exporting
            result, self._heard.text = SpanExportResult.FAILURE, named(error)
        failed = result is not SpanExportResult.SUCCESS
        self.exported["export_failed" if failed else ""] += len(spans)
        if failed:
            self._losses.add(len(spans), self._heard.text)
        return result

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()


class _LastMessage(logging.Handler):
    """Keeps what an exporter logs: it is the reason in the one line that tells a loss.

    A retry that succeeds is no news, and the SDK would write a line for each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def listen(self, exporter: SpanExporter) -> None:
        for module in {cls.__module__ for cls in type(exporter).__mro__}:
            if module.startswith("opentelemetry.exporter."):
                logger = logging.getLogger(module)
                logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self.text = record.getMessage()


class SpanQueue(SpanProcessor):
    """Hands ended spans to the SDK's batch processor as long as there is room, and counts.

    A full queue drops the new span here, in half a microsecond; the SDK would drop the oldest and
    build a log record for each.
    """

    def __init__(
        self, make: Callable[[], SpanExporter], capacity: int, batch: int, delay_ms: int
    ) -> None:
        self.capacity = capacity
        self.processed: Counter[str] = Counter({"": 0, "queue_full": 0})
        self._losses = _Losses()
        self._exporter = _CountingExporter(make, self._losses)
        self._batches = BatchSpanProcessor(
            self._exporter,
            max_queue_size=capacity,
            max_export_batch_size=batch,
            schedule_delay_millis=delay_ms,
        )
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Spans that wait for export."""
        return max(0, self.processed[""] - self._exporter.taken)

    @property
    def untold(self) -> int:
        """Spans that did not reach the collector and that no line has told yet."""
        ended = self.processed[""] + self.processed["queue_full"]
        return ended - self.exported[""] - self._losses.told

    @property
    def exported(self) -> Counter[str]:
        """Spans that left the queue, by error type; the empty one is success."""
        return self._exporter.exported

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        with self._lock:
            full = self.processed[""] - self._exporter.taken >= self.capacity
            self.processed["queue_full" if full else ""] += 1
        if full:
            self._losses.add(1, "the queue is full")
        else:
            self._batches.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is queued now; may block as long as the collector is silent."""
        return self._batches.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Export what is queued; may block as long as the collector is silent."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]


async def flush(shutdown: Callable[[], None], seconds: float = FLUSH_SECONDS) -> None:
    """Run a blocking shutdown, and return when it has ended or `seconds` are over."""
    loop, flushed = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        shutdown()
        with contextlib.suppress(RuntimeError):  # the loop gave up waiting and has closed
            loop.call_soon_threadsafe(flushed.set)

    # A daemon thread: a collector that never answers must not keep the process alive.
    threading.Thread(target=work, daemon=True).start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(flushed.wait(), seconds)
