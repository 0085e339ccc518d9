"""The receiver of the local stack: logs what Alertmanager sends, and serves the runbooks.

POST /RECEIVER/TEAM   one notification: a JSON line on stdout, kept for GET
GET  /                the notifications as a table, newest first
GET  /notifications   the same as JSON, oldest first
GET  /runbooks/ALERT  the page of an alert
"""

import json
import re
import sys
from collections import deque
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEPT = 1000
LONGEST = 1_000_000  # bytes of a notification
RUNBOOKS = Path("/srv/runbooks")

notifications: deque[dict[str, Any]] = deque(maxlen=KEPT)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    timeout = 10

    def do_POST(self) -> None:
        """Keep a notification under the path that it came to."""
        length = int(self.headers.get("content-length", 0))
        if length > LONGEST:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too long\n")
            return
        try:
            sent = json.loads(self.rfile.read(length))
            alerts = [_shown(alert) for alert in sent["alerts"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._answer(HTTPStatus.BAD_REQUEST, "not a notification of Alertmanager\n")
            return
        _, receiver, team, *_ = [*self.path.split("/"), ""]
        kept = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "receiver": receiver, "team": team, "alerts": alerts,
        }  # fmt: skip
        notifications.append(kept)
        sys.stdout.write(json.dumps(kept) + "\n")
        sys.stdout.flush()
        self._answer(HTTPStatus.OK, "")

    def do_GET(self) -> None:
        """Show what came, or a runbook."""
        if self.path == "/":
            self._answer(HTTPStatus.OK, table())
        elif self.path == "/notifications":
            self._answer(HTTPStatus.OK, json.dumps(list(notifications)), "application/json")
        elif (found := re.fullmatch(r"/runbooks/(\w+)", self.path)) and (
            page := RUNBOOKS / f"{found[1]}.md"
        ).is_file():
            self._answer(HTTPStatus.OK, page.read_text(encoding="utf-8"))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "not found\n")

    def _answer(self, status: HTTPStatus, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests: the log is the notifications."""


def table() -> str:
    """Return the notifications as text, one line for each alert, newest first."""
    lines = [
        f"{one['timestamp'][11:19]}  {one['receiver']:<17} {one['team'] or '-':<14} "
        f"{alert['status']:<9} {alert['labels'].get('alertname', '-'):<28} "
        f"{alert['annotations'].get('description', '')}\n"
        for one in reversed(notifications)
        for alert in one["alerts"]
    ]
    head = f"{'UTC':<9} {'receiver':<17} {'team':<14} {'status':<9} {'alert':<28} description\n"
    return head + "".join(lines)


def _shown(alert: dict[str, Any]) -> dict[str, Any]:
    return {name: alert[name] for name in ("status", "labels", "annotations", "startsAt")}


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
