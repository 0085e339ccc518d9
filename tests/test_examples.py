"""The examples are what the template renders today, plus domain code in owned files."""

from pathlib import Path

import pytest

from baseline import template
from tests.support import ROOT
from tools import render_examples

EXAMPLES = sorted((ROOT / "examples").iterdir())


@pytest.mark.filterwarnings("ignore:Dirty template changes")  # a working tree may be dirty
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_managed_files_are_fresh(example: Path, tmp_path: Path) -> None:
    """Every managed and merged file equals a render of the recorded answers, byte for byte."""
    fresh = tmp_path / example.name
    render_examples.fresh(example, fresh)
    expected = {n for n, kind in template.classify(fresh).items() if kind != template.OWNED}
    committed = {n for n, kind in template.classify(example).items() if kind != template.OWNED}
    assert committed == expected
    for name in sorted(expected):
        same = (example / name).read_bytes() == (fresh / name).read_bytes()
        assert same, f"{name} differs: run make examples"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_domain_code_is_owned(example: Path) -> None:
    """Every file of an example has a class, and the sample route is gone."""
    classes = template.classify(example)
    assert "app/api/greetings.py" not in classes
    assert classes["app/main.py"] == template.OWNED
