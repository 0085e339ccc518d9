"""The alerts of a generated service pass promtool, and their tests notice a broken rule."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Render
from tools import build


@pytest.fixture(scope="session")
def promtool() -> str:
    """The promtool binary; in CI a missing one is a failure."""
    found = build.find("promtool")
    if found is None:
        message = "promtool is missing: run make promtool"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def run(promtool: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder."""
    return subprocess.run(
        [promtool, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", ["orders", "order-history-2"])
def test_rules_pass(promtool: str, render: Render, name: str) -> None:
    """The rendered rules are valid, free of lint, and do what their unit tests say."""
    folder = render(service_name=name, owner_team="payments-core") / "alerts"
    checked = run(promtool, "check", "rules", "--lint=all", "rules.yml", folder=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(promtool, "test", "rules", "tests.yml", folder=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> 0.01\n", "> 0.02\n"),
        ("* 300 >= 100", "* 300 >= 0"),
        ("* 3600 >= 5", "* 3600 >= 500"),
        ("* 300 < 100", "* 300 < 0"),
        ('=~"5.."', '=~"4..|5.."'),
        ("for: 2m", "for: 0m"),
        ("for: 5m\n        keep", "for: 0m\n        keep"),
        ("for: 1m", "for: 0m"),
        ("keep_firing_for: 5m", "keep_firing_for: 30m"),
        ("histogram_quantile(0.99", "histogram_quantile(0.999"),
        ("> 1\n", "> 3\n"),
        ("sum by (service_name, deployment_environment_name) (up", "sum by (service_name) (up"),
        ("== 0", "== -1"),
        ("or\n          absent(", "and\n          absent("),
        ("humanizePercentage", "humanize"),
        ("#service_unavailable", "#elsewhere"),
    ],
)
def test_a_broken_rule_fails(
    promtool: str, service_folder: Path, tmp_path: Path, right: str, wrong: str
) -> None:
    """Each threshold, guard, duration, grouping and link is held by a unit test."""
    folder = tmp_path / "alerts"
    shutil.copytree(service_folder / "alerts", folder)
    rules = (folder / "rules.yml").read_text()
    assert right in rules
    (folder / "rules.yml").write_text(rules.replace(right, wrong))
    assert run(promtool, "test", "rules", "tests.yml", folder=folder).returncode != 0
