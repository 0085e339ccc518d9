"""Lint the alert rules with promtool; where there is none, one line says so."""

import os
import subprocess
import sys

from baseline import template
from tools import build


def main() -> int:
    """Return promtool's exit status; in CI a missing promtool is a failure."""
    promtool = build.find("promtool")
    if promtool is None:
        sys.stdout.write("The alert rules were not linted: run make promtool first\n")
        return 1 if os.environ.get("CI") else 0
    root = template.root()
    files = sorted([*root.glob("alerts/rules/*.yml"), *root.glob("examples/*/alerts/rules.yml")])
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint=all", *map(str, files)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if checked.returncode:
        sys.stdout.write(checked.stdout + checked.stderr)
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main())
