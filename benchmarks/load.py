"""The load generator, a process of its own: HTTP/1.1 over keep-alive connections, no library.

    python -m benchmarks.load closed PORT REQUESTS TRACEPARENT
    python -m benchmarks.load open PORT RATE SECONDS

`closed` sends on each of eight connections as soon as the answer is there. `open` sends at a
steady rate whatever the server does, and prints each latency in milliseconds, counted from the
moment at which the request was due, so that a server which stalls cannot hide it.
"""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn, cast

import uvloop

CLOSED_CONNECTIONS: Final = 8
OPEN_CONNECTIONS: Final = 64

_HEAD: Final = (
    b"GET /v1/items/42 HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: benchmark\r\n"
    b"accept: */*\r\naccept-encoding: gzip, deflate\r\n"
)

Answered = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, answered: Answered) -> None:
        self.due = 0.0
        self._answered = answered
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def get(self, traceparent: bool) -> None:
        """Send one request."""
        assert self._transport is not None  # noqa: S101  # it is connected
        self._transport.write(_request(traceparent))

    def data_received(self, data: bytes) -> None:
        """Tell when a response is complete; anything but a 200 ends the process."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            _give_up(f"answered {head[:40]!r}")
        after = head.lower().partition(b"content-length:")[2]
        if len(body) >= int(after.partition(b"\r\n")[0]):
            self._buffer = b""
            self._answered(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End the process: the server is not meant to close connections."""
        _give_up(f"connection lost: {error}")


def _give_up(reason: str) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    sys.stderr.flush()
    os._exit(1)


def _request(traceparent: bool) -> bytes:
    if not traceparent:
        return _HEAD + b"\r\n"
    ids = os.urandom(24).hex()
    return _HEAD + f"traceparent: 00-{ids[:32]}-{ids[32:]}-01\r\n\r\n".encode()


async def _connect(port: int, count: int, answered: Answered) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port))[1]
        for _ in range(count)
    ]


async def closed(port: int, requests: int, traceparent: bool) -> list[float]:
    """Send `requests` as fast as the answers come; the list stays empty."""
    to_send, to_come, done = requests, requests, asyncio.Event()

    def go_on(connection: Connection) -> None:
        nonlocal to_send
        if to_send:
            to_send -= 1
            connection.get(traceparent)

    def answered(connection: Connection) -> None:
        nonlocal to_come
        to_come -= 1
        go_on(connection)
        if not to_come:
            done.set()

    for connection in await _connect(port, CLOSED_CONNECTIONS, answered):
        go_on(connection)
    await done.wait()
    return []


async def steady(port: int, rate: int, seconds: float) -> list[float]:
    """Send `rate` requests a second and return the latencies in milliseconds."""
    latencies: list[float] = []
    waiting: deque[float] = deque()  # requests that are due while no connection is free
    requests, done = int(rate * seconds), asyncio.Event()

    def send(connection: Connection, due: float) -> None:
        connection.due = due
        connection.get(traceparent=True)

    def answered(connection: Connection) -> None:
        latencies.append((time.perf_counter() - connection.due) * 1000)
        if waiting:
            send(connection, waiting.popleft())
        else:
            free.append(connection)
        if len(latencies) == requests:
            done.set()

    free = await _connect(port, OPEN_CONNECTIONS, answered)
    start = time.perf_counter()
    for number in range(requests):
        due = start + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if free:
            send(free.pop(), due)
        else:
            waiting.append(due)
    await done.wait()
    return latencies


def main() -> None:
    """Send, and print the latencies as JSON."""
    kind, port, amount, detail = sys.argv[1:]
    if kind == "closed":
        latencies = uvloop.run(closed(int(port), int(amount), detail == "True"))
    else:
        latencies = uvloop.run(steady(int(port), int(amount), float(detail)))
    sys.stdout.write(json.dumps(latencies))
    sys.stdout.flush()
    os._exit(0)  # the connections need no farewell


if __name__ == "__main__":
    main()
