"""Check that every relative link between the Markdown files leads to a file and a heading."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that a renderer makes of the headings (GitHub's rule)."""
    headings = re.findall(r"^#+ +(.+?) *$", CODE.sub(lambda m: m[0].strip("`"), text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Return one line for each link of a page that leads nowhere."""
    faults = []
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path) if path else page
        if not other.exists():
            faults.append(f"{page.relative_to(ROOT)}: {target}: no such file")
        elif anchor and anchor not in anchors(other.read_text(encoding="utf-8")):
            faults.append(f"{page.relative_to(ROOT)}: {target}: no such heading")
    return faults


def main() -> int:
    """Print the broken links and return the exit status."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    faults = [line for name in tracked.stdout.split("\n") if name for line in broken(ROOT / name)]
    sys.stdout.writelines(f"{line}\n" for line in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
