"""What a run prints: a line for each round, tables, and the bars with what was measured."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from .bars import Bar
from .costs import Costs
from .footprint import Footprint
from .latency import COMPARED, RATE, Latencies
from .plan import Say
from .run import Outcome
from .variants import BARE, TUNED, USUAL, VARIANTS


def say_to(console: Console) -> Say:
    """Return a function that prints one line for each round."""

    def say(measurement: str, number: int, values: Mapping[str, float]) -> None:
        shown = "  ".join(f"{name} {value:.1f}" for name, value in values.items())
        console.print(f"[dim]{measurement}, round {number + 1}:  {shown}[/dim]", highlight=False)

    return say


def print_variants(console: Console) -> None:
    """Say what is compared."""
    for variant in VARIANTS:
        console.print(f"  {variant.name:<10} {variant.text}", highlight=False)


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print everything that was measured, and the bars."""
    for costs in outcome.costs:
        _print_costs(console, costs)
    if outcome.latencies is not None:
        _print_latencies(console, outcome.latencies)
    if outcome.footprint is not None:
        _print_memory(console, outcome.footprint)
    _print_bars(console, outcome.bars)


def _print_costs(console: Console, costs: Costs) -> None:
    """Print the CPU time of one measurement."""
    table = Table(title=f"CPU time of a request {costs.where}, {costs.sampling} sampling, in µs")
    table.add_column("variant")
    for heading in (
        "median", "quartiles", "added", "of usual", "of tuned", "spans/request", "lines/request"
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for variant in VARIANTS:
        first, third = costs.spread(variant)
        emitted = costs.emitted[variant.name]
        added = ["", "", ""]
        if variant is not BARE:
            ratios = (costs.ratio(variant, other) for other in (USUAL, TUNED))
            added = [f"{costs.added(variant):.0f}", *(f"{ratio:.3f}" for ratio in ratios)]
        table.add_row(
            variant.name, f"{costs.median(variant):.0f}", f"{first:.0f} - {third:.0f}", *added,
            f"{emitted.spans / emitted.requests:.2f}", f"{emitted.lines / emitted.requests:.2f}",
        )  # fmt: skip
    console.print(table)


def _print_latencies(console: Console, latencies: Latencies) -> None:
    """Print the latencies: medians over the rounds, and the rounds' range of p99."""
    table = Table(title=f"Latency at {RATE} requests a second, 100 % sampling, in ms")
    table.add_column("variant")
    for heading in ("p50", "p99", "p99 of the rounds"):
        table.add_column(heading, justify="right")
    for variant in COMPARED:
        p50, p99 = latencies.median(variant)
        rounds = latencies.p99[variant.name]
        table.add_row(
            variant.name, f"{p50:.2f}", f"{p99:.1f}", f"{min(rounds):.1f} - {max(rounds):.1f}"
        )
    console.print(table)


def _print_memory(console: Console, footprint: Footprint) -> None:
    """Print the resident memory."""
    shown = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in footprint.resident.items())
    console.print(f"Memory after 1,000 requests, in MB: {shown}", highlight=False)


def _print_bars(console: Console, bars: Sequence[Bar]) -> None:
    """Print each bar with what was measured."""
    table = Table(title="Bars")
    table.add_column("bar")
    table.add_column("at most", justify="right")
    table.add_column("measured", justify="right")
    table.add_column("")
    for bar in bars:
        met = "[green]met[/green]" if bar.met else "[red]missed[/red]"
        table.add_row(bar.text, _amount(bar.limit, bar), _amount(bar.measured, bar), met)
    console.print(table)


def _amount(value: float, bar: Bar) -> str:
    return f"{value:.1f} {bar.unit}" if bar.unit else f"{value:.3f}"
