"""The command line: `baseline demo`, and the local stack."""

import argparse
import sys

import httpx
from rich.console import Console

from baseline import demo, stack, trace
from baseline.services import ServiceError
from baseline.stack import StackError
from baseline.template import TemplateMissingError

EXAMPLES = """\
examples:
  baseline demo           generate orders and payments, run them, show one trace across both
  baseline demo --keep    the same, and leave them running to look around
  baseline up --examples  the local stack with two services and traffic
  baseline trace          one request: its trace, its log lines, its exemplar
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
    started = commands.add_parser(
        "up",
        help="start the local stack and wait until it is ready",
        description="Start collector, Jaeger, Prometheus, Alertmanager, Loki and Grafana with "
        "docker compose, and wait until each says that it is ready.",
    )
    started.add_argument(
        "--examples", action="store_true", help="with orders, payments and traffic to them"
    )
    stopped = commands.add_parser(
        "down", help="stop the local stack", description="Stop the stack; its data stays."
    )
    stopped.add_argument("--volumes", action="store_true", help="forget its data too")
    commands.add_parser("status", help="what is up, and where")
    commands.add_parser(
        "trace",
        help="follow one request through the stack",
        description="Send one order through the examples, wait until its trace and its log lines "
        "are stored and an exemplar leads to a trace, and print the links. Needs `up --examples`.",
    )
    return top


def run(options: argparse.Namespace) -> int:
    """Run the command that was chosen."""
    console = Console()
    match options.command:
        case "demo":
            return demo.run(console, keep=options.keep)
        case "up":
            return stack.up(console, examples=options.examples)
        case "down":
            return stack.down(everything=options.volumes)
        case "status":
            return stack.show(console)
        case _:
            return trace.follow(console)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status; an expected failure is one line on stderr."""
    options = parser().parse_args(arguments)
    if sys.version_info < (3, 11):  # noqa: UP036  # the one clear line for an older interpreter
        sys.stderr.write("baseline: Python 3.11 or newer is needed\n")
        return 1
    try:
        return run(options)
    except KeyboardInterrupt:
        left = "; nothing is left running" if options.command == "demo" else ""
        sys.stderr.write(f"baseline: stopped{left}\n")
        return 130
    except (TemplateMissingError, ServiceError, StackError, httpx.HTTPError) as error:
        sys.stderr.write(f"baseline: {error}\n")
    except OSError as error:
        sys.stderr.write(f"baseline: {error.strerror}: {error.filename or 'this machine'}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
