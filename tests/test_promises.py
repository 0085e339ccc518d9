"""docs/promises.md names each fault test, and nothing that is no test."""

import ast
import re
from pathlib import Path

from tests.support import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_in(file: Path) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse(file.read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_each_promise_has_its_test() -> None:
    """Every test that the page names exists, and every fault test is named."""
    rows = [
        line for line in (ROOT / "docs/promises.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| Promise", "| ---"))
    ]  # fmt: skip
    assert all(NAMED.search(row) for row in rows)
    named = {found for row in rows for found in NAMED.findall(row)}
    faults = {
        (str(file.relative_to(ROOT)), name)
        for file in (ROOT / "tests/faults").glob("test_*.py")
        for name in names_in(file)
    }
    assert faults <= named
    assert all(name in names_in(ROOT / file) for file, name in named)
