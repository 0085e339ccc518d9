"""Run the service on this machine: `make run`. When the local stack is up, the service joins it.

It then sends traces and log lines to the stack's collector, listens on the Docker bridge's address
too, so that Prometheus can scrape it from its container, and is announced to Prometheus by a file
that is removed in the end. Variables that are set already win.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from app.identity import IDENTITY

COLLECTOR = ("127.0.0.1", 4318)
STATE = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
TARGETS = STATE / "observability-baseline/targets"  # `make up` of the stack creates it


def main() -> int:
    """Run `python -m app` until it ends and return its exit status."""
    target = TARGETS / f"{IDENTITY['service_name']}.json"
    environment = dict(os.environ)
    joins = stack_is_up() and os.access(TARGETS, os.W_OK)
    if joins:
        addresses = ["127.0.0.1", *bridge_address()]
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://{}:{}".format(*COLLECTOR),
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
            "HOST": ",".join(addresses),
            **environment,
        }
        port = int(environment.get("PORT") or str(IDENTITY["port"]))
        target.write_text(json.dumps([announcement(port, environment.get("ENVIRONMENT"))]))
    try:
        service = subprocess.Popen([sys.executable, "-m", "app"], env=environment)
        # A terminal sends Ctrl-C to both; anything else is passed on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _: service.send_signal(number))
        return service.wait()
    finally:
        if joins:
            target.unlink(missing_ok=True)


def stack_is_up() -> bool:
    """Say whether something listens where the stack's collector does."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(COLLECTOR) == 0


def bridge_address() -> list[str]:
    """Return the Docker bridge's address, if this machine has it."""
    command = ["docker", "network", "inspect", "bridge"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
        gateway = json.loads(shown.stdout)[0]["IPAM"]["Config"][0]["Gateway"]
        with socket.socket() as probe:
            probe.bind((gateway, 0))  # not so where Docker runs in a machine of its own
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return []
    return [gateway]


def announcement(port: int, environment: str | None) -> dict[str, object]:
    """Return the target for Prometheus, with the labels that a container of the service has."""
    return {
        "targets": [f"host.docker.internal:{port}"],
        "labels": {
            "__process_id__": str(os.getpid()),  # `make up` removes the file of an ended process
            "instance": f"{IDENTITY['service_name']} on this machine",
            "service_name": IDENTITY["service_name"],
            "deployment_environment_name": environment or "development",
            "team": IDENTITY["owner_team"],
        },
    }


if __name__ == "__main__":
    sys.exit(main())
