"""What is absent from the generated service, and what stays small: ARCHITECTURE.md's invariants."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import yaml

from baseline import template
from tests.conftest import Render
from tests.support import ROOT

APP = ROOT / "template/app"
PACKAGE = APP / "observability"
MODULES = sorted(PACKAGE.glob("*.py"))


def code_lines(source: str) -> int:
    """Count the lines that hold code: no blank line, comment or docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in skipped and token.string.strip()
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docstrings)


def imports(path: Path) -> Iterator[str]:
    """Yield the absolute modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_observability_can_be_read_in_one_sitting() -> None:
    """No module over 200 lines, and the package stays under 2,300 lines of code."""
    assert not [path.name for path in MODULES if len(path.read_text().splitlines()) > 200]
    without_test_kit = [path for path in MODULES if path.name != "testing.py"]
    assert sum(code_lines(path.read_text()) for path in without_test_kit) <= 2_300


def test_observability_imports_nothing_else_from_app() -> None:
    """The managed package knows nothing of the service around it."""
    assert not [path.name for path in MODULES if any(m.startswith("app") for m in imports(path))]


def test_jinja_stands_in_one_python_file() -> None:
    """Python in the template is plain Python, but for identity.py."""
    templated = [path.relative_to(APP).as_posix() for path in APP.rglob("*.jinja")]
    assert templated == ["identity.py.jinja"]
    for path in APP.rglob("*.py"):
        assert not re.search(r"\{%|\{\{ \w+ \}\}", path.read_text()), path


def test_no_private_name_of_the_sdk() -> None:
    """Only otlp_logs.py may use the SDK's private log modules."""
    for path in MODULES:
        if path.name != "otlp_logs.py":
            private = [m for m in imports(path) if m.startswith("opentelemetry") and "._" in m]
            assert not private, path


def test_main_is_short() -> None:
    """A service's main.py is at most fifty lines."""
    assert len((APP / "main.py").read_text().splitlines()) <= 50


def test_every_file_has_one_class(render: Render) -> None:
    """Each rendered file is managed, merged or owned, and the owned ones are never overwritten."""
    folder = render()
    classes = yaml.safe_load((folder / ".baseline.yml").read_text())
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())
    assert settings["_skip_if_exists"] == classes["owned"]
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == template.classify(folder).keys()
    patterns = [pattern for group in classes.values() for pattern in group]
    for name in files:
        assert len([p for p in patterns if template.matches(name, p)]) == 1, name
