"""Whatever is logged, by whomever, is one bounded JSON line without a secret."""

import json
import logging
import threading
import time
import warnings
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.contextvars import bound_contextvars

from app.observability import get_logger, output
from app.observability.lines import MAX_LINE
from app.observability.testing import LogLine

log = get_logger("test")


@pytest.fixture(autouse=True)
def started(client: TestClient, log_lines: list[LogLine]) -> None:
    """A running service, whose first lines are of no interest."""
    log_lines.clear()


@pytest.mark.parametrize(
    "value",
    [
        "line\nbreak", "\x1b[31mred", "nul\x00", "\u2028", "\ud800", "ünïcode", b"\xff\x00", 2**70,
        float("nan"), float("inf"), {1: object}, {"a", "b"}, ValueError("x"), [[[[[[[[1]]]]]]]],
    ],
    ids=repr,
)  # fmt: skip
def test_any_value(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    """Any value becomes one line of strict JSON in ASCII."""
    lines: list[bytes] = []
    monkeypatch.setattr(output, "write", lines.append)
    log.info("value", value=value)
    (line,) = lines
    assert line.isascii()
    assert b"\n" not in line
    json.loads(line, parse_constant=pytest.fail)


def test_value_that_cannot_be_shown(log_lines: list[LogLine]) -> None:
    """A value whose str() fails costs the fields, not the line."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    log.info("value", value=Broken())
    assert [line["event"] for line in log_lines] == ["value"]
    assert "no text" in log_lines[0]["log_error"]


def test_cycle(log_lines: list[LogLine]) -> None:
    """A value that holds itself is cut."""
    cycle: list[Any] = []
    cycle.append(cycle)
    log.info("value", value=cycle)
    assert len(log_lines) == 1


@pytest.mark.parametrize(
    ("key", "redacted"),
    [
        ("password", True), ("db_password", True), ("apiKey", True), ("X-API-Key", True),
        ("Authorization", True), ("Set-Cookie", True), ("access_token", True),
        ("card_number", True), ("client_secret", True), ("pwd", True), ("auth", True),
        ("sessionId", True), ("ssn", True), ("dbpassword", True), ("refresh_tokens", True),
        ("name", False), ("author", False), ("prompt_tokens", False), ("tokens_used", False),
    ],
)  # fmt: skip
def test_secret_keys(log_lines: list[LogLine], key: str, redacted: bool) -> None:
    """Keys that look like secrets lose their value, at any depth."""
    log.info("values", **{key: "hunter2"}, nested={"deeper": [{key: "hunter2"}]})
    assert redacted is ("hunter2" not in json.dumps(log_lines))


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@example.com/",
        "https://example.com/?a=1&access_token=hunter2&b=2",
        "https://user:h@hunter2@example.com/",
        "amqp://user:" + "x" * 20_000 + "hunter2@example.com/",
        "password=hunter2 failed",
        "x" * 100 + "_password=hunter2",
        "url=https://example.com/?token=hunter2",
        "Authorization: Bearer hunter2",
        "input_value={'name': 'Ada', 'password': 'my hunter2'}",
        '{"user": "Ada", "api_key": "hunter2"}',
        "Cookie: a=1; session=hunter2",
        "Authorization: Token hunter2",
        "Authorization: Bearer  hunter2",
        "password  =  hunter2",
        'password="a\\"hunter2"',
        "headers=[('authorization', 'Basic hunter2'), (b'cookie', b'session=hunter2')]",
    ],
)
def test_secrets_in_text(log_lines: list[LogLine], text: str) -> None:
    """URLs and name=value pairs in any text lose their secrets too; nothing is lost twice."""
    log.info("text", text=text)
    logging.getLogger("library").warning("seen %s", text)
    assert len(log_lines) == 2
    assert "hunter2" not in json.dumps(log_lines)
    log.info("text", text=log_lines[0]["text"])
    assert log_lines[2]["text"] == log_lines[0]["text"]


def test_secrets_elsewhere(log_lines: list[LogLine]) -> None:
    """Headers as pairs, and the name of a logger, are looked at too."""
    log.info("headers", headers=[("authorization", "hunter2"), (b"cookie", b"a=hunter2")])
    logging.getLogger("password=hunter2").warning("who named this logger?")
    assert len(log_lines) == 2
    assert "hunter2" not in json.dumps(log_lines)


@pytest.mark.parametrize(
    "text",
    ["a" * 60_000 + "=", "token" * 12_000 + " =", "://" * 20_000, "token=" * 10_000, "a:" * 30_000],
    ids=["name", "word", "url", "secrets", "pairs"],
)
def test_redaction_is_linear(log_lines: list[LogLine], text: str) -> None:
    """No text that a client can send holds up the event loop; a quadratic pattern took seconds."""
    start = time.process_time()
    log.info("text", text=text)
    assert time.process_time() - start < 1
    assert len(log_lines) == 1


def test_long_lines_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line stays under its limit, is valid JSON and says that it was cut."""
    lines: list[bytes] = []
    monkeypatch.setattr(output, "write", lines.append)
    log.info("long", text="x" * 100_000, many={str(i): "y" * 500 for i in range(1000)})
    log.info("wide", **{f"field{i}": "\u2028" * 50 for i in range(1000)})
    for line in lines:
        assert len(line) <= MAX_LINE
        assert json.loads(line)["truncated"] is True


def test_long_access_line_keeps_the_request(client: TestClient, log_lines: list[LogLine]) -> None:
    """What was bound to the context goes first when it is too much for the line."""
    with bound_contextvars(**{f"bound{number}": "x" * 120 for number in range(40)}):
        client.get("/greetings/Ada")
    (line,) = [line for line in log_lines if line["event"] == "request"]
    assert line["truncated"] is True
    assert line["http.response.status_code"] == 200
    assert line["url.path"] == "/greetings/Ada"


def test_broken_field_costs_no_other(log_lines: list[LogLine]) -> None:
    """A value that cannot be shown is told; the stack beside it stays."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    try:
        raise LookupError("the reason")
    except LookupError:
        log.exception("failed", broken=Broken(), huge=10**5000)
    (line,) = log_lines
    assert line["exception"]["message"] == "the reason"
    assert line["log_error"] == "broken: RuntimeError: no text"
    assert line["huge"].startswith("0x")


def test_cut_exception_keeps_frames_beside_any_text(log_lines: list[LogLine]) -> None:
    """Characters that take six bytes each leave room for the frames too."""
    try:
        raise RuntimeError("\u00e9" * 60_000)
    except RuntimeError:
        log.exception("failed")
    assert 'File "' in log_lines[0]["exception"]["stacktrace"]


def test_cut_exception_keeps_its_end(log_lines: list[LogLine]) -> None:
    """A stack that is too long keeps type, message and the innermost frames."""

    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("the reason")
        (recurse if depth % 2 else lambda d: recurse(d))(depth - 1)

    try:
        recurse(300)
    except ValueError:
        log.exception("failed", noise="x" * 20_000)
    error = log_lines[0]["exception"]
    assert (error["type"], error["message"]) == ("ValueError", "the reason")
    assert "ValueError: the reason" in error["stacktrace"].splitlines()[-1]


def test_cut_exception_keeps_its_cause(log_lines: list[LogLine]) -> None:
    """The causes stay, whatever is cut from the stack before them."""
    try:
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            raise ValueError("the reason") from cause
    except ValueError:
        log.exception("failed", noise=["x" * 400] * 100)
    (line,) = log_lines
    assert line["truncated"] is True
    assert line["exception"]["causes"] == ["KeyError: 'the cause'"]


def test_exception_that_refuses(log_lines: list[LogLine]) -> None:
    """An exception that takes no attribute and has no text is told as any other."""

    class Refusing(Exception):
        __slots__ = ()

        def __setattr__(self, *_: object) -> None:
            raise AttributeError

        def __str__(self) -> str:
            raise RuntimeError

    try:
        raise Refusing
    except Refusing:
        log.exception("failed")
    assert log_lines[0]["exception"]["type"].endswith("Refusing")


def test_custom_level(log_lines: list[LogLine]) -> None:
    """A level of somebody's own is written as the nearest below it."""
    logging.getLogger("library").log(35, "notable")
    assert log_lines[0]["level"] == "warning"


def test_finalizer_that_logs(capfd: pytest.CaptureFixture[str]) -> None:
    """A line that is logged while another is written neither waits for it nor breaks it."""
    interrupted = output._write

    def write(line: bytes) -> None:
        if b"outer" in line:
            output.to_stdout(b'{"line":"inner"}')
        interrupted(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "_write", write)
        output.to_stdout(b'{"line":"outer"}')
    assert capfd.readouterr().out == '{"line":"outer"}\n{"line":"inner"}\n'


def test_standard_library(log_lines: list[LogLine]) -> None:
    """Records of the standard library keep their logger, level and extra fields."""
    logging.getLogger("library").warning("went %s", "wrong", extra={"order_id": 7})
    (line,) = log_lines
    assert (
        line["logger"], line["level"], line["event"], line["order_id"],
    ) == ("library", "warning", "went wrong", 7)  # fmt: skip


def test_broken_log_call(log_lines: list[LogLine]) -> None:
    """Arguments that do not fit the message still make one line."""
    logging.getLogger("library").error("%d of %s", "one")
    (line,) = log_lines
    assert line["event"] == "%d of %s"
    assert "log_error" in line


def test_warning(log_lines: list[LogLine]) -> None:
    """A warning is a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", stacklevel=1)
    assert [line["logger"] for line in log_lines] == ["py.warnings"]


def test_exception_in_a_thread(log_lines: list[LogLine]) -> None:
    """A thread that dies leaves one line with its stack."""

    def die() -> None:
        raise OSError("thread")

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert [line["exception"]["type"] for line in log_lines] == ["OSError"]


def test_level(log_lines: list[LogLine]) -> None:
    """What is under LOG_LEVEL is not written."""
    log.debug("detail")
    logging.getLogger("library").debug("detail")
    assert log_lines == []
