"""Whatever the collector does, requests don't notice; what that costs in spans is told."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.collector import FAULTS, WORKS, FaultyCollector
from tests.faults.service import Traffic, memory, metric, running, send
from tests.support import Service, wait_for

CAPACITY = 256
SMALL_QUEUE = {
    "OTEL_BSP_MAX_QUEUE_SIZE": str(CAPACITY),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
}

RETURN_SECONDS = 10.0
MEMORY_GROWTH = 16 * 2**20


def spans(service: Service, name: str, error_type: str) -> float:
    """Return a counter of spans by error type."""
    return metric(service, f"otel_sdk_{name}_total", error_type=error_type)


def queue_size(service: Service) -> float:
    """Return how many spans wait for export."""
    return metric(service, "otel_sdk_processor_span_queue_size")


def telemetry_lines(service: Service) -> list[dict[str, Any]]:
    """Return what the service printed about exporting."""
    about = ("opentelemetry", "app.observability.export")
    return [line for line in service.lines() if line["logger"].startswith(about)]


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_collector(
    folder: Path, tmp_path: Path, fault: str, subtests: pytest.Subtests
) -> None:
    """While a collector fails and after it is back, requests notice nothing and losses are told."""
    with FaultyCollector() as collector, running(
        folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **SMALL_QUEUE
    ) as service:  # fmt: skip
        traffic = send(service, 500)
        before = memory(service)

        collector.become(FAULTS[fault])
        load = threading.Thread(target=traffic.send, args=(service, lambda: traffic.count >= 3500))
        load.start()
        queues = []
        while load.is_alive():
            queues.append(queue_size(service))
            load.join(0.25)
        growth = memory(service) - before

        collector.become(WORKS)
        returned, sent = time.monotonic(), traffic.count

        def recovered() -> bool:
            return bool(collector.trace_ids().keys() & set(traffic.trace_ids[sent:]))

        end = returned + 3 * RETURN_SECONDS
        traffic.send(service, lambda: recovered() or time.monotonic() > end, pause=0.05)
        seconds = time.monotonic() - returned
        wait_for(lambda: queue_size(service) == 0, 30)

        failed = spans(service, "exporter_span_exported", "export_failed")
        full = spans(service, "processor_span_processed", "queue_full")
        arrived = collector.trace_ids()

        with subtests.test("no request fails"):
            assert traffic.statuses == {200: traffic.count}
        with subtests.test("no request waits"):
            assert traffic.slowest < 1
        with subtests.test("memory is bounded"):
            assert max(queues) <= CAPACITY
            assert growth < MEMORY_GROWTH
        with subtests.test("new spans arrive within ten seconds of its return"):
            assert seconds < RETURN_SECONDS
        with subtests.test("each span arrives once or is counted as lost"):
            assert set(arrived.values()) == {1}
            assert arrived.total() == spans(service, "exporter_span_exported", "")
            assert arrived.total() + failed + full == traffic.count
        with subtests.test("a loss is one line a minute, and nothing else is said"):
            said = telemetry_lines(service)
            assert len(said) == (1 if failed + full else 0), [line["event"] for line in said]
            assert all(line["spans_lost"] > 0 for line in said)


@pytest.mark.parametrize("fault", ["503", "refused"])
def test_short_outage_loses_nothing(folder: Path, tmp_path: Path, fault: str) -> None:
    """After four seconds without the collector each request's span arrives exactly once."""
    with FaultyCollector() as collector, running(
        folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
    ) as service:  # fmt: skip
        traffic = send(service, 10)
        wait_for(lambda: len(collector.spans) == 10)
        collector.become(FAULTS[fault])
        end = time.monotonic() + 4
        traffic.send(service, lambda: time.monotonic() > end, pause=0.02)
        collector.become(WORKS)
        traffic.send(service, lambda: time.monotonic() > end + 0.5, pause=0.02)
        wait_for(lambda: len(collector.spans) >= traffic.count, 20)
        assert collector.trace_ids() == Counter(traffic.trace_ids)
        assert spans(service, "exporter_span_exported", "export_failed") == 0


@pytest.mark.parametrize("hanging", ["cut", "kept"])
def test_spans_arrive_again_with_little_traffic(folder: Path, tmp_path: Path, hanging: str) -> None:
    """So they do with default settings, whether the return cuts an export that hangs or not."""
    with (
        FaultyCollector() as collector,
        running(folder, tmp_path / "out", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as service,
    ):
        collector.become(FAULTS["silent"])
        send(service, 1)
        wait_for(lambda: collector.requests)
        collector.become(WORKS)
        if hanging == "cut":
            collector.disconnect()
        traffic, end = Traffic(), time.monotonic() + RETURN_SECONDS

        def recovered() -> bool:
            return bool(collector.trace_ids().keys() & set(traffic.trace_ids))

        traffic.send(service, lambda: recovered() or time.monotonic() > end, pause=0.2)
        assert recovered()
