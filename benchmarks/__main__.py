"""The command line: `python -m benchmarks`."""

import argparse
import sys
from typing import Final

from rich.console import Console

from . import report
from .applications import BenchmarkError
from .plan import FULL, QUICK
from .run import PARTS, measure, write

_DESCRIPTION: Final = """\
Measure what observability costs a request: FastAPI alone, the usual stacks and a service that is
generated from this template, interleaved in one run. Takes about ten minutes, needs Linux and a
machine that does nothing else. A whole run writes benchmarks/results.json and docs/cost.svg.
"""
_EPILOG: Final = """\
Exit status: 0 when every bar is met, 1 when one is missed or a variant emits the wrong things.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=_DESCRIPTION, epilog=_EPILOG
    )
    made.add_argument(
        "--quick", action="store_true",
        help="only see within a minute that everything works: the numbers are no result, nothing "
        "is written, and no bar decides the exit status",
    )  # fmt: skip
    made.add_argument(
        "--only", choices=PARTS, metavar="PART",
        help=f"measure one part ({', '.join(PARTS)}); nothing is written",
    )  # fmt: skip
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return its exit status; an expected failure is one line on stderr."""
    options = parser().parse_args(arguments)
    # A log file has no width of its own, and a table that is cut says nothing.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    report.print_variants(console)
    try:
        outcome = measure(
            QUICK if options.quick else FULL,
            [options.only] if options.only else PARTS,
            report.say_to(console),
        )
    except KeyboardInterrupt:
        sys.stderr.write("benchmarks: stopped; nothing is left running\n")
        return 130
    except BenchmarkError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    report.print_outcome(console, outcome)
    if options.quick:
        console.print("This was a quick run: its numbers are no result.", style="bold")
        return 0
    if options.only is None:
        write(outcome)
    missed = [bar.text for bar in outcome.bars if not bar.met]
    if missed:
        sys.stderr.write(f"benchmarks: missed: {'; '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
