"""The local receiver keeps what Alertmanager sends, shows it, and serves the runbooks."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support import ROOT
from tools import webhook

NOTIFICATION: dict[str, Any] = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "service_unavailable", "service_name": "orders"},
            "annotations": {"description": "orders in production: 0 of 2"},
            "startsAt": "2026-11-21T12:00:00Z",
        }
    ],
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of a running receiver."""
    monkeypatch.setattr(webhook, "RUNBOOKS", ROOT / "docs/runbooks")
    webhook.notifications.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), webhook.Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as made:
        yield made
    server.shutdown()
    server.server_close()


def test_notifications(client: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the receiver and the team of the path; an alert without a team has none."""
    assert client.post("/page/checkout", json=NOTIFICATION).status_code == 200
    assert client.post("/page/", json=NOTIFICATION).status_code == 200
    first, second = client.get("/notifications").json()
    assert (first["receiver"], first["team"]) == ("page", "checkout")
    assert second["team"] == ""
    assert first["alerts"] == NOTIFICATION["alerts"]
    head, newest, oldest = client.get("/").text.splitlines()
    assert "receiver" in head
    assert "page              - " in newest
    assert "orders in production: 0 of 2" in oldest
    assert capsys.readouterr().out.count('"receiver": "page"') == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"alerts": [1]}'])
def test_anything_else_is_refused(client: httpx.Client, body: bytes) -> None:
    """With a status that Alertmanager reports, and nothing kept."""
    assert client.post("/page/checkout", content=body).status_code == 400
    assert client.get("/notifications").json() == []


def test_runbooks(client: httpx.Client) -> None:
    """A page for each alert, and no other file of the machine."""
    assert client.get("/runbooks/service_unavailable").text.startswith("# service_unavailable")
    for path in ("/runbooks/none", "/runbooks/..%2FREADME", "/runbooks/../decisions", "/x"):
        assert client.get(path).status_code == 404
