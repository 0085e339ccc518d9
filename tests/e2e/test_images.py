"""A service's image, as its own Dockerfile makes it."""

from tests.e2e.support import compose, report

START = """
import sys, time
began = time.process_time()
import app.main, app.observability.server
spent = time.process_time() - began
from pathlib import Path
for module in list(sys.modules.values()):
    cached = getattr(module, "__cached__", None)
    if cached and module.__name__ != "__main__" and not Path(cached).exists():
        print(module.__name__)
print(round(spent, 2))
"""


def test_a_start_compiles_nothing() -> None:
    """Every module that a service imports is there as bytecode, as the service may write none."""
    *compiled, seconds = compose("exec", "-T", "orders", "python", "-c", START).split()
    report("CPU seconds of a start's imports in the image", f"{seconds} s")
    assert compiled == []
