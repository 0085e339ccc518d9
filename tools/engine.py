"""What the end-to-end test needs of Docker: a running engine, compose, a Python base image."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from baseline import stack
from baseline.stack import has_image, succeeds
from tools import build, images

START_SECONDS = 30.0
MIRROR = "http://deb.debian.org/debian"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def install(package: str, program: str) -> None:
    """Install a Debian package unless its program is there; raises SystemExit when that fails."""
    if shutil.which(program):
        return
    sys.stderr.write(f"Installing {package} ...\n")
    succeeds("apt-get", "update", "-qq")
    if not succeeds("apt-get", "install", "--yes", "-qq", "--no-install-recommends", package):
        raise SystemExit(f"{program} is needed: install {package}, then try again")


def start() -> None:
    """Make sure that an engine answers: where there is none, install one and start it."""
    if succeeds("docker", "version"):
        return
    if os.environ.get("CI") != "true":
        raise SystemExit("the Docker engine does not answer: start it, then try again")
    install("docker.io", "dockerd")
    log = Path(tempfile.gettempdir()) / "dockerd.log"
    with log.open("wb") as output:
        subprocess.Popen(["dockerd"], stdout=output, stderr=output, start_new_session=True)
    end = time.monotonic() + START_SECONDS
    while not succeeds("docker", "version"):
        if time.monotonic() > end:
            raise SystemExit(f"the Docker engine did not start: {log} says why")
        time.sleep(0.5)


def compose() -> None:
    """Make sure that `docker compose` works: where it does not, build the plugin."""
    if succeeds("docker", "compose", "version"):
        return
    plugins = Path.home() / ".docker/cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    shutil.copy2(build.build("docker-compose"), plugins / "docker-compose")
    if not succeeds("docker", "compose", "version"):
        raise SystemExit("docker compose does not work with this engine's command")


def component_images() -> None:
    """Pull the images that compose.yaml names, or build them where no registry answers."""
    for recipe in images.missing():
        if not (_registry_answers() and succeeds("docker", "pull", "--quiet", images.tag(recipe))):
            install("busybox-static", "busybox")
            images.make(recipe)


def python_image(image: str) -> None:
    """Pull the base image of services, or make one with Debian's own Python."""
    if has_image(image) or (_registry_answers() and succeeds("docker", "pull", "--quiet", image)):
        return
    install("debootstrap", "debootstrap")
    sys.stderr.write(f"Making {image} from Debian packages: two minutes ...\n")
    packages = "python3,python3-pip,python3-venv,ca-certificates"
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        if not succeeds(
            "debootstrap", "--variant=minbase", f"--include={packages}", "bookworm",
            str(root), MIRROR,
        ):  # fmt: skip
            raise SystemExit(f"{image} could not be made: debootstrap failed")
        (root / "usr/bin/python").symlink_to("python3")
        for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()  # the image is Python's own, as the official one is
        for bytecode in root.glob("usr/lib/python3.*/**/__pycache__"):
            shutil.rmtree(bytecode)  # which the official one does not have
        if CERTIFICATES.exists():  # a network may have an authority of its own
            shutil.copy2(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        archive = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        settings = f"ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}"
        done = subprocess.run(
            ["docker", "import", "--change", settings, "-", image],
            stdin=archive.stdout, check=False, capture_output=True,
        )  # fmt: skip
        if archive.wait() or done.returncode:
            raise SystemExit(f"{image} could not be made: docker import failed")


@cache
def _registry_answers() -> bool:
    """Say whether images can be pulled; asked once, with the smallest of them."""
    return succeeds("timeout", "20", "docker", "pull", "--quiet", "busybox:stable-musl")


def main() -> None:
    """Prepare everything."""
    start()
    compose()
    component_images()
    python_image(f"python:{stack.variables()['PYTHON_VERSION']}")


if __name__ == "__main__":
    main()
