"""Generate services with the command that a user runs, start them as processes, stop them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from baseline import local, template

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class ServiceError(Exception):
    """A service cannot be generated or does not start; the text says which, and why."""


@dataclass(frozen=True)
class Service:
    """A running service: its process, where it answers, and the file with what it printed."""

    name: str
    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    output: Path

    def lines(self) -> list[str]:
        """Return what the service has printed so far."""
        return self.output.read_text(encoding="utf-8").splitlines()


def copy_command(example: Path, folder: Path) -> list[str]:
    """Return the `copier copy` that generates a service like an example."""
    data = [
        word
        for key, value in template.answers(example).items()
        for word in ("--data", f"{key}={value}")
    ]
    return [
        "copier",
        "copy",
        "--defaults",
        *data,
        "--vcs-ref",
        "HEAD",
        str(template.root()),
        str(folder),
    ]


def generate(example: Path, folder: Path) -> float:
    """Generate a service, put the example's own files on top, and return the copy's seconds.

    Raises ServiceError when the copy fails.
    """
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *copy_command(example, folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ServiceError(f"{example.name} could not be generated: {reason}")
    seconds = time.monotonic() - start
    template.put_on_top(example, folder)
    return seconds


def free_port() -> int:
    """Return a free TCP port of this machine; raises ServiceError when there is none."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port
    except OSError as error:
        raise ServiceError(f"no free port on 127.0.0.1: {error.strerror}") from None


def start(name: str, folder: Path, port: int, variables: dict[str, str]) -> Service:
    """Start `python -m app` with this interpreter; its output goes to a file beside the folder.

    What the caller's own environment sets for services does not count, nor does a proxy.
    """
    documented = (folder / ".env.example").read_text(encoding="utf-8")
    settings = set(re.findall(r"^# ([A-Z_]+)=", documented, re.MULTILINE))
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in settings and not key.startswith("OTEL_")
    }
    output = folder.with_suffix(".log")
    with output.open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=folder,
            env={**inherited, "NO_PROXY": "*", "PORT": str(port), **variables},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for the demo, which then stops its services
        )
    return Service(name, folder, f"http://127.0.0.1:{port}", process, output)


def wait_until_ready(services: list[Service]) -> None:
    """Wait until each service answers /ready with 200; raises ServiceError when one does not."""
    for service in services:
        if not poll(partial(_is_ready, service), START_SECONDS):
            raise ServiceError(f"{service.name} is not ready within {START_SECONDS:.0f} s")


def poll(done: Callable[[], Any], seconds: float) -> bool:
    """Ask twenty times a second until `done` is true; return whether it came true in time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def stop(services: list[Service]) -> None:
    """Ask the services to end, and end those that do not."""
    for service in services:
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
    for service in services:
        try:
            service.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def _is_ready(service: Service) -> bool:
    if service.process.poll() is not None:
        raise ServiceError(f"{service.name} ended at its start: {_last_words(service)}")
    return local.answers(f"{service.url}/ready")


def _last_words(service: Service) -> str:
    lines = service.lines()
    if not lines:
        return "it printed nothing"
    try:
        said = json.loads(lines[-1])
        return str(said.get("reason") or said.get("exception", {}).get("message") or said["event"])
    except (ValueError, KeyError):
        return lines[-1]
