"""Make the images that compose.yaml names, where no registry can be reached.

Each holds the component that `tools/build.py` has built from its Go module, under the tag and with
the folders and user ids of the official image. Grafana has no Go module to build from.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from baseline import stack
from tools import build


@dataclass(frozen=True)
class Recipe:
    """One image: its name, the variable of its version, the binary, and where it stands inside."""

    name: str
    version: str
    binary: str
    entrypoint: str
    folder: str = ""
    owner: str = ""


RECIPES = (
    Recipe(
        "otel/opentelemetry-collector-contrib", "OTELCOL_VERSION", "otelcol-contrib",
        "/otelcol-contrib",
    ),
    Recipe("jaegertracing/jaeger", "JAEGER_VERSION", "jaeger", "/cmd/jaeger/jaeger-linux"),
    Recipe(
        "prom/prometheus", "PROMETHEUS_VERSION", "prometheus", "/bin/prometheus",
        "/prometheus", "65534:65534",
    ),
    Recipe(
        "prom/alertmanager", "ALERTMANAGER_VERSION", "alertmanager", "/bin/alertmanager",
        "/alertmanager", "65534:65534",
    ),
    Recipe("grafana/loki", "LOKI_VERSION", "loki", "/usr/bin/loki", "/loki", "10001:10001"),
)  # fmt: skip


def missing() -> list[Recipe]:
    """Return the recipes whose image the engine does not have."""
    return [recipe for recipe in RECIPES if not stack.has_image(tag(recipe))]


def tag(recipe: Recipe) -> str:
    """Return the image's name with its pinned version."""
    return f"{recipe.name}:{stack.variables()[recipe.version]}"


def make(recipe: Recipe) -> None:
    """Build the component and its image."""
    binary = build.build(recipe.binary)
    with tempfile.TemporaryDirectory() as temporary:
        context = Path(temporary)
        shutil.copy2(binary, context / "binary")
        (context / "folder").mkdir()
        lines = ["FROM scratch", f"COPY binary {recipe.entrypoint}"]
        if recipe.folder:
            lines.append(f"COPY --chown={recipe.owner} folder {recipe.folder}/")
        if recipe.name == "prom/prometheus":
            shutil.copy2(_busybox(), context / "chown")
            lines.append("COPY chown /bin/chown")
        lines.append(f'ENTRYPOINT ["{recipe.entrypoint}"]')
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        _docker_build(context, tag(recipe))


def _busybox() -> str:
    """Return a static busybox, which the official image has too."""
    found = shutil.which("busybox")
    if found is None:
        raise SystemExit("busybox is needed: apt-get install busybox-static, then try again")
    return found


def _docker_build(context: Path, image: str) -> None:
    sys.stderr.write(f"Making the image {image} ...\n")
    # The classic builder: BuildKit asks a registry even where it needs nothing.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", image, str(context)],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{image} could not be made: {done.stderr.strip().splitlines()[-1]}")
