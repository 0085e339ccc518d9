"""Drills on the running stack: alerts fire, route, inhibit and resolve."""

import re
import sys
import time
from pathlib import Path

import yaml

from baseline import local
from baseline.drill import ALERTS, OUTAGE
from tests.e2e.support import eventually, report, run, value


def test_drill() -> None:
    """It ends with status 0 within ten minutes, and says how long each step took."""
    start = time.monotonic()
    said = run("env", "COLUMNS=120", "make", "drill", seconds=900)
    assert time.monotonic() - start < 600
    rows = re.findall(r"^(\w+)" + r" +(\d+)" * 7 + " *$", said, flags=re.MULTILINE)
    assert [row[0] for row in rows] == list(ALERTS)
    for alert, _, firing, _, sent, _, cleared, _ in rows:
        report(
            f"{alert}: fires, is sent, clears after its repair",
            f"{firing} s, {sent} s, {cleared} s",
        )
    assert said.count("done") == 3
    assert "inhibited  error_rate_above_1_percent, not sent any more" in said
    report("make drill, all in all", f"{time.monotonic() - start:.0f} s")


def test_drill_of_a_service_of_ones_own(third: Path, container: str) -> None:
    """Its outage is drilled by stopping its container; the trace is of a request from before."""
    port = yaml.safe_load((third / ".copier-answers.yml").read_text())["port"]
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: local.get(f"{url}/greetings/ada").status_code == 200)
    counted = 'sum(http_server_request_duration_seconds_count{service_name="third"})'
    eventually(lambda: value(counted) >= 1)
    start = time.monotonic()
    said = run(
        str(Path(sys.executable).with_name("baseline")), "drill", OUTAGE,
        "--service", "third", "--url", url, "--container", container, seconds=900,
    )  # fmt: skip
    assert re.search(r"third: done", said), said
    assert "routed to  development, team checkout" in said
    report("the drill of a service of one's own", f"{time.monotonic() - start:.0f} s")
