"""`baseline demo`: two generated services, real traffic, one trace across both, and the proof."""

import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from baseline import local, receiver, report, services, template, traffic, verify

NAMES = ("orders", "payments")
EXPORT_SECONDS = 5.0


def run(console: Console, keep: bool) -> int:
    """Run the demo and return its exit status: 0 when every promise was kept.

    With `keep`, services and folders stay up. Raises TemplateMissingError, ServiceError or OSError
    when it cannot be run at all.
    """
    examples = template.root() / "examples"
    with ExitStack() as stack:
        stack.enter_context(_interruptible())
        folder = stack.enter_context(_folder(keep))
        collector = stack.enter_context(receiver.running())
        _generate(console, examples, folder)
        started = stack.enter_context(_started(console, folder, collector.url, keep))
        evidence, seconds = _observe(console, started, collector)
        found = verify.check(evidence)
        _show(console, evidence, seconds)
        console.rule("Checked", align="left")
        console.print(report.checks(found))
        failed = [check for check in found if check.faults]
        console.print(f"\n[bold]{len(found) - len(failed)} of {len(found)} promises kept[/]\n")
        if keep:
            _how_to_stop(console, started, folder)
    _next_steps(console)
    return 1 if failed else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM clean up as Ctrl-C does, and let neither get lost.

    Python ignores an interrupt that comes while a finalizer runs: it is raised in the end then.
    """
    interrupted = False

    def interrupt(_: int, __: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
        if interrupted:
            raise KeyboardInterrupt
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="baseline-demo-"))
    complete = False
    try:
        yield folder
        complete = True
    finally:
        if not (keep and complete):
            shutil.rmtree(folder, ignore_errors=True)


def _generate(console: Console, examples: Path, folder: Path) -> None:
    console.rule("Two services from the template", align="left")
    with (
        console.status("Generating orders and payments ..."),
        ThreadPoolExecutor() as pool,
    ):
        made = pool.map(
            services.generate, [examples / n for n in NAMES], [folder / n for n in NAMES]
        )
        for name, seconds in zip(NAMES, made, strict=True):
            command = services.copy_command(examples / name, Path(name))
            console.print(f"[dim]$[/] {shlex.join(command)}", highlight=False, soft_wrap=True)
            console.print(f"  {seconds:.1f} s; then the example's routes in app/api\n")


@contextmanager
def _started(
    console: Console, folder: Path, collector: str, keep: bool
) -> Iterator[list[services.Service]]:
    ports = {name: services.free_port() for name in NAMES}
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "SHUTDOWN_DRAIN_SECONDS": "0",
        "PAYMENTS_URL": f"http://127.0.0.1:{ports['payments']}",
    }
    started: list[services.Service] = []
    complete = False
    try:
        with console.status("Starting both: python -m app ..."):
            for name in NAMES:
                started.append(services.start(name, folder / name, ports[name], variables))
            services.wait_until_ready(started)
        yield started
        complete = True
    finally:
        if not (keep and complete):
            services.stop(started)


def _observe(
    console: Console, started: list[services.Service], collector: receiver.Receiver
) -> tuple[verify.Evidence, float]:
    """Send the traffic and collect what came of it, and the seconds that the traffic took."""
    orders = started[0]
    begin = time.monotonic()
    sent: list[traffic.Sent] = []
    with console.status("Sending requests ...") as status:
        for request in traffic.send(orders.url):
            sent.append(request)
            status.update(f"Sending requests: {len(sent)} of {len(traffic.PLAN)} ({request.kind})")
        seconds = time.monotonic() - begin
        status.update("Waiting for the spans ...")
        services.poll(
            lambda: all(len(collector.trace(request.trace_id)) >= 3 for request in sent),
            EXPORT_SECONDS,
        )
    answers = {service.name: _ask(service.url) for service in started}
    return (
        verify.Evidence(
            sent=sent,
            spans=list(collector.spans),
            lines={service.name: service.lines() for service in started},
            metrics={name: texts["/metrics"] for name, (_, texts) in answers.items()},
            endpoints={name: statuses for name, (statuses, _) in answers.items()},
        ),
        seconds,
    )


def _ask(url: str) -> tuple[dict[str, int], dict[str, str]]:
    statuses, texts = {}, {}
    for path in verify.contract()["endpoints"]:
        response = local.get(url + path)
        statuses[path], texts[path] = response.status_code, response.text
    return statuses, texts


def _show(console: Console, evidence: verify.Evidence, seconds: float) -> None:
    shown = next(sent for sent in evidence.sent if sent.kind == "failing")
    spans = [span for span in evidence.spans if span.trace_id == shown.trace_id]
    console.rule("One failing request, across both services", align="left")
    if spans:
        console.print(report.trace(sorted(spans, key=lambda span: span.start)))
    console.rule("Its log lines, found by trace_id", align="left")
    lines = [line for printed in evidence.lines.values() for line in verify.parsed(printed)]
    console.print(report.log_lines([ln for ln in lines if ln.get("trace_id") == shown.trace_id]))
    console.rule("Rate, errors, duration, read from both /metrics", align="left")
    console.print(report.red_table(evidence.metrics, seconds))
    console.rule("Health", align="left")
    console.print(report.endpoints(evidence.endpoints))


def _how_to_stop(console: Console, started: list[services.Service], folder: Path) -> None:
    console.rule("Still running", align="left")
    for service in started:
        console.print(f"{service.name}: {service.url} in {service.folder}", soft_wrap=True)
    numbers = " ".join(str(service.process.pid) for service in started)
    console.print("Their spans arrive nowhere now: the receiver was the demo's own.")
    console.print(f"Stop them: kill {numbers} && rm -r {folder}\n", soft_wrap=True)


def _next_steps(console: Console) -> None:
    console.rule("Your own service", align="left")
    copier = Path(sys.executable).with_name("copier")
    for command in (
        f"{copier} copy {template.root()} my-service",
        "cd my-service",
        "make test",
        "make run",
        "curl http://127.0.0.1:8000/greetings/Ada",
    ):
        console.print(f"[dim]$[/] {command}", highlight=False, soft_wrap=True)
