"""The command line: `baseline demo`."""

import argparse
import sys

import httpx
from rich.console import Console

from baseline import demo
from baseline.services import ServiceError
from baseline.template import TemplateMissingError

EXAMPLES = """\
examples:
  baseline demo           generate orders and payments, run them, show one trace across both
  baseline demo --keep    the same, and leave them running to look around
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="baseline",
        description="The operational baseline of FastAPI services: see it work.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shown = commands.add_parser(
        "demo",
        help="two generated services, real traffic, one trace across both",
        description="Generate the services orders and payments, start them on free ports, send "
        "requests, and show and check their traces, log lines, metrics and health endpoints. Needs "
        "neither Docker nor a collector; exit status 1 says that a promise was broken.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shown.add_argument("--keep", action="store_true", help="leave services and folders up")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status; an expected failure is one line on stderr."""
    options = parser().parse_args(arguments)
    if sys.version_info < (3, 11):  # noqa: UP036  # the one clear line for an older interpreter
        sys.stderr.write("baseline: Python 3.11 or newer is needed\n")
        return 1
    try:
        return demo.run(Console(), keep=options.keep)
    except KeyboardInterrupt:
        sys.stderr.write("baseline: stopped; nothing is left running\n")
        return 130
    except (TemplateMissingError, ServiceError, httpx.HTTPError) as error:
        sys.stderr.write(f"baseline: {error}\n")
    except OSError as error:
        sys.stderr.write(f"baseline: {error.strerror}: {error.filename or 'this machine'}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
