"""The routes that a drill breaks the service with."""

import pytest
from fastapi.testclient import TestClient

from app.api import faults


def test_error(client: TestClient) -> None:
    """An unhandled exception."""
    assert client.get("/faults/error").status_code == 500


def test_delay(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes its time, which is more than a second."""
    assert faults.DELAY_SECONDS > 1
    monkeypatch.setattr(faults, "DELAY_SECONDS", 0.01)
    assert client.get("/faults/delay").json() == {"delay_s": 0.01}
