"""The local stack: start it and wait until it answers, stop it, show what is up, follow a trace."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from baseline import local, targets, template

UP_SECONDS: Final = 120.0


class StackError(Exception):
    """The stack cannot do what was asked; the text says what to do."""


@dataclass(frozen=True)
class Component:
    """A service of compose.yaml: the variable of its host port, where it says that it is ready."""

    name: str
    port: str
    ready: str
    purpose: str
    page: str = "/"


COMPONENTS: Final = (
    Component("grafana", "GRAFANA_PORT", "/api/health", "dashboards"),
    Component("jaeger", "JAEGER_PORT", "/", "traces"),
    Component("prometheus", "PROMETHEUS_PORT", "/-/ready", "metrics and alert rules"),
    Component("alertmanager", "ALERTMANAGER_PORT", "/-/ready", "alerts"),
    Component("webhook", "WEBHOOK_PORT", "/", "what Alertmanager sent; runbooks"),
    Component("loki", "LOKI_PORT", "/ready", "log lines", ""),
    Component("otel-collector", "OTELCOL_HEALTH_PORT", "/", "takes spans and lines", ""),
)

EXAMPLES: Final = ("orders", "payments", "refunds")


@cache
def variables() -> Mapping[str, str]:
    """Return the versions and ports of .env; the environment wins, as it does for compose."""
    lines = (template.root() / ".env").read_text(encoding="utf-8").splitlines()
    own = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: os.environ.get(name, value) for name, value in own.items()}


def component(name: str) -> Component:
    """Return the component of that name; raises StopIteration when there is none."""
    return next(one for one in COMPONENTS if one.name == name)


def url(component: Component, path: str) -> str:
    """Return an address of a component on this machine."""
    return f"http://127.0.0.1:{variables()[component.port]}{path}"


def example(name: str) -> str:
    """Return where one of the examples answers on this machine."""
    return f"http://127.0.0.1:{variables()[f'{name.upper()}_PORT']}"


def is_ready(component: Component) -> bool:
    """Say whether a component answers that it is ready."""
    return local.answers(url(component, component.ready))


def up(console: Console, examples: bool) -> int:
    """Start everything, wait until it is ready, and say where it is; returns the exit status."""
    _check_docker()
    targets.prepare()
    absent = _absent_images(console)
    names = [name for name in _services(examples) if name not in absent]
    start = time.monotonic()
    with console.status("Starting the stack ...") as status:
        _compose(["up", "--detach", *(["--build"] if examples else []), *names])
        _wait_for(names, lambda rest: status.update(f"Waiting for {', '.join(rest)} ..."))
    console.print(f"Ready after {time.monotonic() - start:.0f} s.")
    show(console)
    console.print(
        "Next: make trace follows one request, docker compose up in a service's folder or make run "
        "there joins it to the stack." if examples else
        "Next: make up PROFILE=examples adds three services and traffic to them."
    )  # fmt: skip
    return 0


def restart(names: Sequence[str], variables: Mapping[str, str]) -> None:
    """Start components again with other variables for compose.yaml, and wait for them."""
    _compose(["up", "--detach", "--no-deps", "--force-recreate", *names], variables)
    _wait_for(names, lambda _: None)


def _wait_for(names: Sequence[str], say: Callable[[Sequence[str]], None]) -> None:
    """Wait until each of these that can say so is ready; raises StackError when one is late."""
    end = time.monotonic() + UP_SECONDS
    ready = {one.name: url(one, one.ready) for one in COMPONENTS}
    ready |= {name: f"{example(name)}/ready" for name in EXAMPLES}
    waiting = [name for name in ready if name in names]
    while waiting and time.monotonic() < end:
        say(waiting)
        waiting = [name for name in waiting if not local.answers(ready[name])]
        time.sleep(0.2)
    if waiting:
        name = waiting[0]
        raise StackError(f"{name} is not ready: docker compose logs {name} says why")


def down(everything: bool) -> int:
    """Stop the stack; with `everything` its data goes too."""
    _check_docker()
    _compose(["--profile", "examples", "down", *(["--volumes"] if everything else [])])
    return 0


def show(console: Console) -> int:
    """Print what is up and where; returns 1 when something is not."""
    table = Table(box=None)
    for heading in ("component", "state", "what", "where"):
        table.add_column(heading)
    states = {component: is_ready(component) for component in COMPONENTS}
    for component, ready in states.items():
        page = url(component, component.page) if component.page else ""
        state = "[green]ready[/green]" if ready else "[red]down[/red]"
        table.add_row(component.name, state, component.purpose, page)
    console.print(table)
    return 0 if all(states.values()) else 1


def _services(examples: bool) -> list[str]:
    profile = ["--profile", "examples"] if examples else []
    listed = _compose([*profile, "config", "--services"]).split()
    return sorted(set(listed) - {"volumes"})


def _absent_images(console: Console) -> set[str]:
    """Pull what is missing, and return the services that have to be left out: Grafana at most."""
    known = variables()
    image = f"grafana/grafana:{known['GRAFANA_VERSION']}"
    if has_image(image):
        return set()
    with console.status(f"Pulling {image} ..."):
        pulled = subprocess.run(
            ["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=600
        )
    if pulled.returncode == 0:
        return set()
    console.print(f"Grafana is left out: its image {image} cannot be pulled.")
    return {"grafana"}


def has_image(image: str) -> bool:
    """Say whether the engine has an image."""
    return succeeds("docker", "image", "inspect", image)


def _check_docker() -> None:
    if shutil.which("docker") is None:
        raise StackError("Docker is needed for the local stack: install it, then try again")
    if not succeeds("docker", "version"):
        raise StackError("the Docker engine does not answer: start it, then try again")
    if not succeeds("docker", "compose", "version"):
        raise StackError("docker compose is needed (version 2.20 or newer): install its plugin")


def _compose(arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run docker compose and return what it prints; raises StackError with its last line."""
    done = subprocess.run(
        ["docker", "compose", *arguments], cwd=template.root(), check=False,
        env={**os.environ, **environment(), **(variables or {})}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise StackError(f"docker compose failed: {said[-1]}")
    return done.stdout


@cache
def environment() -> Mapping[str, str]:
    """Return what compose.yaml cannot know: who may read Docker's socket, and the targets."""
    socket = Path(os.environ.get("DOCKER_SOCKET", "/var/run/docker.sock"))
    found = {"BASELINE_TARGETS": str(targets.TARGETS)}
    if socket.exists() and stat.S_ISSOCK(socket.stat().st_mode):
        found["DOCKER_GROUP"] = str(socket.stat().st_gid)
    if not succeeds("docker", "buildx", "version"):
        found["DOCKER_BUILDKIT"] = "0"  # an older engine's own builder does as well
    return found


def succeeds(*command: str) -> bool:
    """Run a command silently and say whether it succeeded."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
