"""W3C Trace Context Level 2, with the cases of the W3C's own trace-context test harness."""

import re
from typing import Final

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.observability import Http
from app.observability.testing import LogLine, Upstream
from app.observability.tracestate import Members
from app.settings import load_settings

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
SPAN: Final = "b7ad6b7169203331"
PARENT: Final = f"00-{TRACE}-{SPAN}-01"

Headers = list[tuple[str, str]]


def add_route(app: FastAPI) -> None:
    """Add a route that calls another service."""

    @app.get("/call")
    async def call(http: Http) -> None:
        await http.get("http://other.example/")


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    """The route."""
    add_route(app)


@pytest.fixture
def forward(client: TestClient, upstream: Upstream) -> "Forward":
    """What the service sends on when it gets some headers."""
    return Forward(client, upstream)


class Forward:
    """Sends a request with headers and returns those of the call that the service then makes."""

    def __init__(self, client: TestClient, upstream: Upstream) -> None:
        self.client, self.upstream = client, upstream

    def __call__(self, headers: Headers) -> tuple[str, list[str]]:
        """Return the trace id that went out and the members of tracestate."""
        raw = [(name.encode(), value.encode()) for name, value in headers]
        assert self.client.get("/call", headers=raw).status_code == 200
        sent = self.upstream.requests[-1].headers
        found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]", sent["traceparent"])
        assert found
        assert found[2] != SPAN
        assert len(sent.get_list("tracestate")) <= 1
        return found[1], [part for part in sent.get("tracestate", "").split(",") if part]


@pytest.mark.parametrize(
    "traceparent",
    [
        PARENT,
        f" {PARENT}\t",
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-ff",
        f"cc-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    ],
)
def test_trace_is_continued(forward: Forward, traceparent: str) -> None:
    """A good header, of this version or a later one, whatever the case of its name."""
    assert forward([("traceparent", traceparent)])[0] == TRACE
    assert forward([("TrAcEpArEnT", traceparent)])[0] == TRACE


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["", ""],
        [PARENT, PARENT],
        [PARENT, f"00-{TRACE[::-1]}-{SPAN}-01"],
        [PARENT, "broken"],
        *([value] for value in (
            f"{PARENT}.", f"{PARENT}-", f"{PARENT}-what-ever",
            f"cc-{TRACE}-{SPAN}-01.what-the-future-will-not-be-like",
            f"ff-{TRACE}-{SPAN}-01",
            f".0-{TRACE}-{SPAN}-01", f"0.-{TRACE}-{SPAN}-01",
            f"000-{TRACE}-{SPAN}-01", f"0-{TRACE}-{SPAN}-01",
            f"00-{'0' * 32}-{SPAN}-01", f"00-.{TRACE[1:]}-{SPAN}-01",
            f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}0-{SPAN}-01", f"00-{TRACE[1:]}-{SPAN}-01",
            f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-.{SPAN[1:]}-01",
            f"00-{TRACE}-{SPAN}0-01", f"00-{TRACE}-{SPAN[1:]}-01",
            f"00-{TRACE}-{SPAN}-.0", f"00-{TRACE}-{SPAN}-001", f"00-{TRACE}-{SPAN}-1",
            f"{PARENT} {PARENT}", f"{PARENT},{PARENT}", "x" * 60_000, f"{PARENT}-{'x' * 60_000}",
            "00-" + "\u0661" * 32 + f"-{SPAN}-01", "\u2028",
        )),
    ],
    ids=lambda headers: ascii(headers)[:60],
)  # fmt: skip
def test_new_trace(forward: Forward, log_lines: list[LogLine], headers: list[str]) -> None:
    """A bad header, none or two: a new trace, without the caller's state and without a line."""
    sent = [("traceparent", value) for value in headers]
    trace_id, members = forward([*sent, ("tracestate", "foo=1")])
    assert trace_id != TRACE
    assert members == []
    assert {line["event"] for line in log_lines} <= {"service started", "request"}


LONGEST: Final = "z" * 256


@pytest.mark.parametrize(
    ("headers", "members"),
    [
        (["foo=1,bar=2"], ["foo=1", "bar=2"]),
        (["foo=1", "bar=2"], ["foo=1", "bar=2"]),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
         ["foo=1", "bar=2", "rojo=1", "congo=2", "baz=3"]),
        (["", "foo=1"], ["foo=1"]),
        (["foo=1,", "", ", ,bar=2"], ["foo=1", "bar=2"]),
        (["foo=1 \t , \t bar=2, \t baz=3 "], ["foo=1", "bar=2", "baz=3"]),
        (["foo=1,foo=1"], ["foo=1"]),
        (["foo=1,bar=3,foo=2"], ["foo=1", "bar=3"]),
        (["foo@=1,bar=2"], ["foo@=1", "bar=2"]),
        (["foo@@bar=1,foo@bar@baz=2,0=3"], ["foo@@bar=1", "foo@bar@baz=2", "0=3"]),
        (["t" * 241 + "@" + "v" * 14 + "=1"], ["t" * 241 + "@" + "v" * 14 + "=1"]),
        ([f"{LONGEST}=1"], [f"{LONGEST}=1"]),
        (["a0_-*/@=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"],
         ["a0_-*/@=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"]),
        ([",".join(f"k{number}=v" for number in range(32))],
         [f"k{number}=v" for number in range(32)]),
        # Longer than 512 characters: long members go first, then the last ones (3.3.1.5).
        ([f"a={'x' * 200},b={'y' * 100},c={'x' * 200},d={'y' * 100}"],
         [f"a={'x' * 200}", f"b={'y' * 100}", f"d={'y' * 100}"]),
        ([",".join(f"k{number:02}={'v' * 26}" for number in range(32))],
         [f"k{number:02}={'v' * 26}" for number in range(16)]),
    ],
    ids=lambda value: ascii(value)[:60],
)  # fmt: skip
def test_state_is_forwarded(forward: Forward, headers: list[str], members: list[str]) -> None:
    """Members go on in their order, those that the grammar of Level 1 refuses too."""
    sent = [("traceparent", PARENT), *(("tracestate", value) for value in headers)]
    assert forward(sent) == (TRACE, members)


@pytest.mark.parametrize(
    "state",
    [
        "foo", "foo =1", "FOO=1", "foo.bar=1", "@foo=1", "-foo=1", "foo=", "=1",
        "foo=bar=baz", "foo=,bar=3", "foo=\u00e9", "foo=\x00", "foo=1;bar=2", f"{LONGEST}z=1",
        f"foo={'v' * 257}", "x" * 60_000, "," * 10_000 + "a", "k=v," * 33,
        ",".join(f"k{number}=v" for number in range(33)),
    ],
    ids=lambda value: ascii(value)[:60],
)  # fmt: skip
def test_bad_state_does_not_cost_the_trace(
    forward: Forward, log_lines: list[LogLine], state: str
) -> None:
    """The trace goes on without the state that nobody can read, and nobody is told of it."""
    trace_id, members = forward([("traceparent", PARENT), ("tracestate", state)])
    assert (trace_id, members) == (TRACE, [])
    assert {line["event"] for line in log_lines} <= {"service started", "request"}


def test_state_can_be_changed() -> None:
    """A sampler of the service's own may add to the state, by the rules of section 3.3.1.4."""
    state = Members({"foo": "1", "bar@@x": "2"})
    assert state.add("new", "3").to_header() == "new=3,foo=1,bar@@x=2"
    assert state.add("foo", "3") is state
    assert state.update("bar@@x", "3").to_header() == "bar@@x=3,foo=1"
    assert state.update("BAD", "3") is state
    assert state.delete("foo").to_header() == "bar@@x=2"
    assert dict(state) == dict(state.items()) == {"foo": "1", "bar@@x": "2"}
    assert (*state.keys(), *state.values()) == ("foo", "bar@@x", "1", "2")
    assert repr(state) == "{'foo': '1', 'bar@@x': '2'}"
    full = Members({f"k{number}": "v" for number in range(32)}).add("new", "1")
    assert len(full) == 32
    assert next(iter(full)) == "new"


def test_baggage_stays(client: TestClient, upstream: Upstream) -> None:
    """Baggage is not sent on: it may be meant for nobody else."""
    client.get("/call", headers={"traceparent": PARENT, "baggage": "user=ada"})
    assert "baggage" not in upstream.requests[-1].headers


def test_baggage_is_forwarded_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """OTEL_PROPAGATORS=tracecontext,baggage sends it on; bad baggage costs nothing."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext,baggage")
    app = create_app(load_settings())
    add_route(app)
    with TestClient(app) as client:
        for baggage, forwarded in (("user=ada", "user=ada"), ("x" * 60_000, None), ("é", None)):
            headers = {b"traceparent": PARENT.encode(), b"baggage": baggage.encode()}
            assert client.get("/call", headers=headers).status_code == 200
            sent = upstream.requests[-1].headers
            assert sent["traceparent"].split("-")[1] == TRACE
            assert sent.get("baggage") == forwarded


@pytest.mark.parametrize(("public", "forwarded"), [("false", "user=ada"), ("true", None)])
@pytest.mark.parametrize("traceparent", [PARENT, None])
def test_baggage_passes_no_public_edge(
    monkeypatch: pytest.MonkeyPatch,
    upstream: Upstream,
    public: str,
    forwarded: str | None,
    traceparent: str | None,
) -> None:
    """Baggage comes through with a trace and without one, but not from outside."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext,baggage")
    monkeypatch.setenv("PUBLIC_ENDPOINT", public)
    app = create_app(load_settings())
    add_route(app)
    headers = {"baggage": "user=ada"} | ({"traceparent": traceparent} if traceparent else {})
    with TestClient(app) as client:
        response = client.get("/call", headers=headers)
    sent = upstream.requests[-1].headers
    assert sent.get("baggage") == forwarded
    trace_id = sent["traceparent"].split("-")[1]
    assert trace_id == response.headers["traceresponse"].split("-")[1]
    assert (trace_id == TRACE) is (traceparent is not None and public == "false")
