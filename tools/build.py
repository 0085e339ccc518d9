"""Build pinned components from their Go modules into a cache outside the checkout.

`python tools/build.py promtool` prints the binary's path; nothing is built when nothing changed.
The cache is $BASELINE_CACHE, else $XDG_CACHE_HOME/observability-baseline, else under ~/.cache.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parent
PACKAGES = {
    "promtool": ("prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
    "prometheus": ("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
    "alertmanager": ("alertmanager", "github.com/prometheus/alertmanager/cmd/alertmanager"),
    "otelcol-contrib": ("collector", "."),
    "jaeger": ("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger"),
    "loki": ("loki", "github.com/grafana/loki/v3/cmd/loki"),
    "docker-compose": ("compose", "github.com/docker/compose/v2/cmd"),
}
"""By binary: the folder of its module, and its package."""


def cached(name: str) -> Path:
    """Return where the binary of a component stands, or will stand once it is built."""
    module, _ = PACKAGES[name]
    key = hashlib.sha256((TOOLS / module / "go.sum").read_bytes()).hexdigest()[:16]
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(os.environ.get("BASELINE_CACHE") or default / "observability-baseline")
    return root / f"{module}-{key}" / name


def find(name: str) -> str | None:
    """Return the path of a component from the cache, else from PATH, else None."""
    binary = cached(name)
    return str(binary) if binary.is_file() else shutil.which(name)


def build(name: str) -> Path:
    """Build a component unless the cache has it; raises SystemExit with one line when it fails."""
    binary = cached(name)
    if binary.is_file():
        return binary
    if shutil.which("go") is None:
        raise SystemExit(f"Go is needed to build {name}: install Go 1.26 or newer, then try again")
    module, package = PACKAGES[name]
    sys.stderr.write(f"Building {name} from its Go module: minutes the first time ...\n")
    binary.parent.mkdir(parents=True, exist_ok=True)
    unfinished = binary.with_suffix(".unfinished")
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(unfinished), package]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if subprocess.run(command, cwd=TOOLS / module, env=environment, check=False).returncode:
        raise SystemExit(f"{name} could not be built: see the lines above")
    unfinished.rename(binary)
    return binary


if __name__ == "__main__":
    wanted = sys.argv[1:]
    if not wanted or not set(wanted) <= set(PACKAGES):
        raise SystemExit(f"usage: python tools/build.py {{{','.join(PACKAGES)}}} ...")
    for name in wanted:
        sys.stdout.write(f"{build(name)}\n")
