"""The command line: `baseline demo`, and the local stack."""

import argparse
import sys
from collections.abc import Mapping

import httpx
from rich.console import Console

from baseline import demo, drills, stack, trace
from baseline.drill import ALERTS, OUTAGE
from baseline.faults import Target
from baseline.services import ServiceError
from baseline.stack import StackError
from baseline.template import TemplateMissingError

EXAMPLES = """\
examples:
  baseline demo           generate orders and payments, run them, show one trace across both
  baseline demo --keep    the same, and leave them running to look around
  baseline up --examples  the local stack with three services and traffic
  baseline trace          one request: its trace, its log lines, its exemplar
  baseline drill          break the examples, and follow three alerts until they have cleared
"""

DRILLS = """\
examples:
  baseline drill                              the three alerts, on three services at once
  baseline drill service_unavailable          one of them
  baseline drill error_rate_above_1_percent \\
      --service items --url http://127.0.0.1:8000 --errors /test/fail
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
        "--examples", action="store_true", help="with three services and traffic to them"
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
    drill = commands.add_parser(
        "drill",
        help="break a service and follow its alert until it has cleared",
        description="Break the examples on the running stack: errors, slowness, a stopped "
        "container. Wait until Prometheus fires, Alertmanager holds the alert and its receiver "
        "is told; check routing and inhibition, follow each link of the alert; repair, and wait "
        "until it has cleared. Exit status 1 names the step that was missed. Needs `up "
        "--examples`.",
        epilog=DRILLS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    drill.add_argument(
        "alert", nargs="?", choices=ALERTS, metavar="ALERT", help=f"one of {', '.join(ALERTS)}"
    )
    drill.add_argument(
        "--speed", type=_speed, default=drills.SPEED, metavar="N",
        help="divide every duration of rules and routes by N (%(default)s); 1 is real time",
    )  # fmt: skip
    own = drill.add_argument_group("a service of your own, which the stack scrapes")
    own.add_argument("--service", help="its name, as its metrics have it")
    own.add_argument("--url", help="where it answers, for example http://127.0.0.1:8000")
    own.add_argument("--errors", default="", metavar="PATH", help="a route that answers 5xx")
    own.add_argument("--delays", default="", metavar="PATH", help="a route that takes over 1 s")
    own.add_argument("--container", default="", help="its container, to stop and start")
    return top


def _speed(text: str) -> int:
    speed = int(text) if text.isdecimal() else 0
    if not 1 <= speed <= 5:
        raise argparse.ArgumentTypeError("use a whole number from 1 to 5: scrapes come every 5 s")
    return speed


def targets(options: argparse.Namespace) -> Mapping[str, Target]:
    """Return which alerts are drilled on which service; raises StackError for what is lacking."""
    own = ("url", "errors", "delays", "container")
    if options.service is None:
        if given := [name for name in own if getattr(options, name)]:
            raise StackError(f"--{given[0]} is of a service of your own: name it with --service")
        examples = drills.examples()
        return {options.alert: examples[options.alert]} if options.alert else examples
    lacking = {ALERTS[0]: "errors", ALERTS[1]: "delays", OUTAGE: "container"}
    if options.alert is None:
        raise StackError(f"name the alert to drill on {options.service}: {', '.join(ALERTS)}")
    for needed in ("url", lacking[options.alert]):
        if not getattr(options, needed):
            raise StackError(f"{options.alert} of {options.service} needs --{needed}")
    for name in ("errors", "delays"):
        if getattr(options, name) and not getattr(options, name).startswith("/"):
            raise StackError(f"--{name} is a path: begin it with /")
    return {
        options.alert: Target(
            options.service, options.url.rstrip("/"), options.container, options.errors,
            options.delays,
        )
    }  # fmt: skip


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
        case "drill":
            return drills.run(console, targets(options), options.speed)
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
