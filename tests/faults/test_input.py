"""Whatever a client sends: no 5xx, no hang, bounded series, bounded lines and no secret in them."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from baseline import local
from tests.faults.service import GREETING, metric, running, send
from tests.support import Collector, Service, wait_for

SECRET: Final = "hunter2"
MAX_ACCESS_LINE: Final = 4_096
MAX_LINE: Final = 16_384
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
PARENT: Final = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Server:
    """A service behind one of uvicorn's two HTTP parsers."""

    parser: str
    service: Service

    def send(self, target: str, *headers: str, method: str = "GET") -> int:
        """Send a request as it stands, read the whole answer, and return its status."""
        host, port = self.service.url.removeprefix("http://").split(":")
        lines = [f"{method} {target} HTTP/1.1", "host: x", "connection: close", *headers, "", ""]
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape"))
            answer = b""
            while data := client.recv(65536):
                answer += data
        return int(answer.split(b" ", 2)[1])

    def line(self, **fields: str) -> dict[str, Any]:
        """Return the last access line with these fields."""

        def found() -> list[dict[str, Any]]:
            lines = [line for line in self.service.lines() if line["event"] == "request"]
            return [n for n in lines if fields.items() <= n.items()]

        return wait_for(found)[-1]  # type: ignore[no-any-return]

    def series(self) -> int:
        """Return how many series `/metrics` has."""
        text = local.get(self.service.url + "/metrics").text
        return sum(not line.startswith("#") for line in text.splitlines())


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One service for all tests of a parser; afterwards everything that it emitted is checked."""
    out = tmp_path_factory.mktemp("input")
    (out / "httptools.py").write_text("raise ImportError\n")
    hidden = {"PYTHONPATH": str(out)} if request.param == "h11" else {}
    with Collector() as collector, running(
        folder, out / "lines", **collector.variables, **hidden
    ) as service:  # fmt: skip
        yield Server(request.param, service)
        assert service.stop() == 0
    for line in (out / "lines").read_bytes().splitlines():
        assert line.isascii()
        parsed = json.loads(line)
        assert len(line) <= (MAX_ACCESS_LINE if parsed["event"] == "request" else MAX_LINE)
        assert SECRET not in line.decode()
        assert parsed["level"] in ("info", "warning"), parsed
    assert collector.spans
    assert not [span for _, span in collector.spans if SECRET in str(span)]
    assert max(len(span.SerializeToString()) for _, span in collector.spans) < MAX_LINE


def test_parser(server: Server) -> None:
    """The parser is the one that is meant: httptools refuses a method that h11 lets pass."""
    assert server.send(GREETING, method="BREW") == (400 if server.parser == "httptools" else 405)


@pytest.mark.parametrize(
    "headers",
    [
        ["traceparent: "],
        ["traceparent: nonsense"],
        [f"traceparent: {PARENT}", f"traceparent: {PARENT}"],
        [f"traceparent: {'x' * 8000}"],
        ["traceparent: \u00e9\udcff"],
        [f"traceparent: {PARENT}", f"tracestate: {'x' * 8000}"],
        [f"traceparent: {PARENT}", "tracestate: \u00e9\udcff"],
        [f"traceparent: {PARENT}", *["tracestate: a=1"] * 50],
        [f"traceparent: {PARENT}", f"baggage: {'x=y,' * 2000}"],
        [f"traceparent: {PARENT}", "baggage: \u00e9\udcff=;;,,"],
        ["accept: \udcff", "user-agent: \x01", "x-forwarded-for: \u00e9, nobody"],
    ],
    ids=lambda headers: ascii(headers)[:50],
)
def test_headers(server: Server, headers: list[str]) -> None:
    """Bad trace headers cost the sender's trace at most, bad others an answer of 400."""
    before = len(server.service.lines())
    status = server.send(GREETING, *headers)
    assert status in ((200, 400) if "\x01" in "".join(headers) else (200,))
    # The access line, the route's own, and no line about the header.
    if status == 200:
        wait_for(lambda: len(server.service.lines()) >= before + 2)
        assert len(server.service.lines()) == before + 2


def test_methods(server: Server) -> None:
    """Invented methods share one series."""
    server.send(GREETING, method="INVENTED")
    before = server.series()
    for number in range(200):
        assert server.send(GREETING, method=f"M{number}" + "X" * number) in (400, 405)
    assert server.series() == before
    if server.parser == "h11":
        assert metric(
            server.service, "http_server_request_duration_seconds_count",
            http_request_method="_OTHER", http_route="/greetings/{name}",
            http_response_status_code="405", error_type="",
        ) >= 200  # fmt: skip


def test_distinct_requests(server: Server) -> None:
    """Thousands of paths, hosts, agents and query strings make no series of their own."""
    server.send("/nowhere")
    before = server.series()
    with httpx.Client(base_url=server.service.url) as client:
        for number in range(2000):
            headers = {"host": f"{number}.example", "user-agent": f"agent/{number}"}
            path = f"/nowhere/{number}?{number}=x"
            assert client.get(path, headers=headers).status_code == 404
    assert server.series() == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/%1b%5b31mred", "/\x1b[31mred"),
        ("/two%0alines%0d", "/two\nlines\r"),
        ("/%e2%80%a8", "/\u2028"),
        ("/%00", "/\x00"),
        ("/%ff%fe", "/\ufffd\ufffd"),
    ],
)
def test_control_characters(server: Server, path: str, text: str) -> None:
    """They stand in the line escaped, so that no reader or terminal takes them for its own."""
    assert server.send(path) == 404
    server.line(**{"url.path": text})


@pytest.mark.parametrize(
    "target", ["/" + "x" * 60_000, "/x?" + "x" * 60_000, "/" + "%c3%a9" * 2000]
)
def test_long_targets(server: Server, target: str) -> None:
    """They are refused or answered; a line that had to be cut says so."""
    status = server.send(target)
    assert status in (400, 404, 414, 431)
    if status == 404 and not target.startswith("/x?"):
        cut = [n for n in server.service.lines() if n.get("truncated")]
        assert cut[-1]["url.path"].endswith("...")
        assert cut[-1]["http.response.status_code"] == 404


@pytest.mark.parametrize(
    "accept",
    ["application/openmetrics-text; version=no", "text/plain; version=x.y", "*/*;q=x", ",;,", ""],
)
def test_accept(server: Server, accept: str) -> None:
    """Whatever Prometheus or somebody else accepts, there are metrics."""
    assert server.send("/metrics", f"accept: {accept}") == 200


def test_secrets(server: Server) -> None:
    """Credentials of a request are in none of its lines and spans: see the fixture's end."""
    target = f"{GREETING}?password={SECRET}&token={SECRET}"
    assert server.send(
        target, f"authorization: Bearer {SECRET}", f"cookie: session={SECRET}",
        f"x-api-key: {SECRET}", f"referer: http://ada:{SECRET}@example.com/",
    ) == 200  # fmt: skip
    assert server.send(f"/token={SECRET}") == 404
    assert server.send(f"http://ada:{SECRET}@x/nowhere") in (400, 404)


def test_still_well(server: Server) -> None:
    """After all this the service answers as before."""
    traffic = send(server.service, 50)
    assert traffic.statuses == {200: 50}
    assert traffic.slowest < 1
