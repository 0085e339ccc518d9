"""Drill alerts on the running stack: with faster rules, all at the same time, and a closing table.

The stack runs the committed rules and routes with every duration divided by one factor, so that an
hour's work takes minutes.
"""

import asyncio
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from baseline import local, stack, template
from baseline.drill import ERRORS, LATENCY, OUTAGE, STEPS, Drill, Progress
from baseline.faults import Target
from baseline.monitor import Monitor
from baseline.rules import faster
from baseline.stack import StackError
from baseline.targets import STATE

SPEED: Final = 5
LOADED: Final = ("prometheus", "alertmanager")

# Each alert on another service, so that the three drills do not disturb each other.
EXAMPLES: Final = {ERRORS: "orders", LATENCY: "payments", OUTAGE: "refunds"}


def examples() -> Mapping[str, Target]:
    """Return which of the stack's examples each alert is drilled on."""
    return {
        alert: Target(name, stack.example(name), f"baseline-{name}-1")
        for alert, name in EXAMPLES.items()
    }


def run(console: Console, targets: Mapping[str, Target], speed: int) -> int:
    """Drill these alerts at the same time and print what happened; returns the exit status."""
    _check(targets.values())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    progress = [Progress(alert, target.service) for alert, target in targets.items()]
    with _at_speed(console, speed), Live(get_renderable=lambda: _table(progress), console=console):
        failed = asyncio.run(_drills(targets, speed, progress))
    for one in progress:
        console.print(f"\n[bold]{one.alert}[/] of {one.service}")
        for note in one.notes:
            console.print(f"  {note}", soft_wrap=True)
    console.print("\nThe failures were real: these services' error_budget alerts stay for hours.")
    for reason in failed:
        console.print(f"[red]failed:[/] {reason}", soft_wrap=True)
    return 1 if failed else 0


async def _drills(targets: Mapping[str, Target], speed: int, progress: list[Progress]) -> list[str]:
    """Run all drills to their ends and return the reasons of those that failed."""
    async with local.client() as client:
        drills = [
            Drill(alert, target, speed, Monitor(client), shown).run()
            for (alert, target), shown in zip(targets.items(), progress, strict=True)
        ]
        return [reason for reason in await asyncio.gather(*drills) if reason]


@contextmanager
def _at_speed(console: Console, speed: int) -> Iterator[None]:
    """Run the stack with faster rules and routes for a while."""
    folder = STATE / "observability-baseline/drill"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rules").mkdir(parents=True)
    alerts = template.root() / "alerts"
    for path in (alerts / "rules").glob("*.yml"):
        text = faster(path.read_text(encoding="utf-8"), speed)
        (folder / "rules" / path.name).write_text(text, encoding="utf-8")
    routes = faster((alerts / "alertmanager.yml").read_text(encoding="utf-8"), speed)
    (folder / "alertmanager.yml").write_text(routes, encoding="utf-8")
    console.print(f"Rules and routes at {speed} times their speed.")
    variables = {
        "BASELINE_RULES": f"{folder}/rules",
        "BASELINE_ROUTES": f"{folder}/alertmanager.yml",
        # What was sent before is forgotten: a drill that failed would keep the next one silent.
        "BASELINE_ALERTMANAGER_STORE": "/tmp/drill",  # noqa: S108  # in the container
    }
    try:
        stack.restart(LOADED, variables)
        yield
    finally:
        console.print("Restoring rules and routes ...")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            stack.restart(LOADED, {})
        finally:
            signal.signal(signal.SIGINT, before)


def _check(targets: Iterable[Target]) -> None:
    """Raise StackError when the stack or a service to break is not up."""
    for component in stack.COMPONENTS:
        if component.name != "grafana" and not stack.is_ready(component):
            raise StackError(f"{component.name} is not up: make up PROFILE=examples")
    for target in targets:
        if not local.answers(f"{target.url}/healthz"):
            raise StackError(f"{target.service} does not answer at {target.url}/healthz: start it")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _table(progress: list[Progress]) -> Table:
    title = "Seconds since the fault; cleared and resolved: since the repair"
    table = Table(box=None, title=title, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("alert", no_wrap=True, min_width=26)
    for step in STEPS:
        table.add_column(step, justify="right", min_width=len(step))
    for one in progress:
        done = [f"{one.seconds[step]:.0f}" if step in one.seconds else "" for step in STEPS]
        table.add_row(f"{one.alert}\n  [dim]{one.service}: {one.doing}[/]", *done)
    return table
