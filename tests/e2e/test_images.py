"""A service's image, as its own Dockerfile makes it."""

from tests.e2e.support import compose, report

START = """
import importlib.machinery
import time

compiled = []
loader = importlib.machinery.SourceFileLoader
compiling = loader.source_to_code


def noted(self, data, path, **options):
    compiled.append(path)
    return compiling(self, data, path, **options)


loader.source_to_code = noted

import uvicorn
import app.__main__
from app.main import create_app
import app.observability.server

uvicorn.Config(create_app, factory=True).load()
print(*compiled, round(time.process_time(), 2))
"""


def test_a_start_compiles_nothing() -> None:
    """Whatever a service imports at its start has its bytecode, as the service may write none."""
    *compiled, seconds = compose("exec", "-T", "orders", "python", "-c", START).split()
    report("CPU of a start in the image, up to its first request", f"{seconds} s")
    assert compiled == []
