"""Show spans, log lines, metrics and checks in a terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from baseline import red
from baseline.receiver import Span
from baseline.verify import Check

_ACCESS = ("http.request.method", "http.route", "http.response.status_code", "duration_s")
_HIDDEN = {
    "timestamp", "level", "event", "service", "version", "environment", "logger", "trace_id",
    "span_id", "exception", "url.path", "client.address",
}  # fmt: skip
_COLOURS = {"orders": "cyan", "payments": "magenta"}


def trace(spans: list[Span]) -> Tree:
    """Return a trace as a tree of its spans, with their durations and statuses."""
    tree = Tree(f"trace [bold]{spans[0].trace_id}[/]")
    ids = {span.span_id for span in spans}

    def grow(branch: Tree, children: Iterable[Span]) -> None:
        for span in children:
            below = [other for other in spans if other.parent_id == span.span_id]
            grow(branch.add(_span(span)), below)

    grow(tree, [span for span in spans if span.parent_id not in ids])
    return tree


def _span(span: Span) -> str:
    status = span.attributes.get("http.response.status_code", "")
    colour, mark = ("red", "error") if span.failed else ("green", "ok")
    milliseconds = (span.end - span.start) / 1e6
    service = f"[{_COLOURS.get(span.service, 'blue')}]{escape(span.service)}[/]"
    return (
        f"{service} {escape(span.name)} [dim]{span.kind.lower()}[/] "
        f"{milliseconds:.1f} ms [{colour}]{status} {mark}[/]"
    )


def log_lines(lines: list[dict[str, Any]]) -> Group:
    """Return log lines in short: time, service, level, event and their own fields."""
    return Group(*(_line(line) for line in sorted(lines, key=lambda line: line["timestamp"])))


def _line(line: dict[str, Any]) -> Text:
    text = Text(f"{line['timestamp'][11:23]} ")
    text.append(f"{line['service']:<9}", style=_COLOURS.get(line["service"], "blue"))
    text.append(f"{line['level']:<8}", style="red" if line["level"] == "error" else "dim")
    text.append(line["event"], style="bold")
    if line["event"] == "request":
        fields = {name.rpartition(".")[2]: line[name] for name in _ACCESS}
    else:
        fields = {key: value for key, value in line.items() if key not in _HIDDEN}
    if "exception" in line:
        fields |= {key: line["exception"][key] for key in ("type", "message")}
    text.append("".join(f" {key}={value}" for key, value in fields.items()))
    return text


def red_table(metrics: dict[str, str], seconds: float) -> Table:
    """Return rate, errors and duration of each route; the rate is over `seconds`."""
    table = Table(box=None, header_style="dim")
    for name in ("service", "route", "requests", "rate", "errors", "p50", "p99"):
        table.add_column(name, justify="left" if name in ("service", "route") else "right")
    for service, text in metrics.items():
        for route in red.routes(text):
            table.add_row(
                f"[{_COLOURS.get(service, 'blue')}]{service}[/]",
                escape(f"{route.method} {route.route}"),
                f"{route.requests:.0f}",
                f"{route.requests / seconds:.1f}/s",
                f"{route.errors / route.requests:.0%}",
                *("-" if value is None else f"{value:.3f} s" for value in (route.p50, route.p99)),
            )
    return table


def endpoints(answers: dict[str, dict[str, int]]) -> Table:
    """Return what the operational endpoints answered."""
    table = Table(box=None, show_header=False)
    for service, paths in answers.items():
        table.add_row(
            f"[{_COLOURS.get(service, 'blue')}]{service}[/]",
            *(
                f"{path} [{'green' if status == 200 else 'red'}]{status}[/]"
                for path, status in paths.items()
            ),
        )
    return table


def checks(found: list[Check]) -> Group:
    """Return one line for each promise, and under it what broke it."""
    lines = []
    for check in found:
        mark = "[red]failed[/]" if check.faults else "[green]ok    [/]"
        lines.append(Text.from_markup(f"{mark} {escape(check.promise)}"))
        lines.extend(Text(f"       {fault}", style="red") for fault in check.faults)
    return Group(*lines)
