"""`make drill` on the running stack: three alerts fire, route, inhibit and resolve."""

import re
import time

from baseline.drill import ALERTS
from tests.e2e.support import report, run


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
    assert "inhibited  error_rate_above_1_percent, never sent" in said
    report("make drill, all in all", f"{time.monotonic() - start:.0f} s")
