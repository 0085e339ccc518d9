"""The behaviour of the generated package, tested inside a generated service."""

import shutil
import subprocess
import sys

from tests.conftest import Render
from tests.support import ROOT


def test_inside_a_service(render: Render) -> None:
    """tests/inside and the service's own tests pass in one run."""
    folder = render()
    for test in (ROOT / "tests/inside").glob("test_*.py"):
        shutil.copy2(test, folder / "tests")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:logging"],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
