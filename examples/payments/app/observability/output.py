"""Write finished log lines to stdout without ever making the service wait for the reader."""

import os
import select
import stat
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

# A pipe that polls writable takes this much without blocking (POSIX.1: PIPE_BUF, 4096 on Linux).
ATOMIC_WRITE: Final = 4096

dropped: Counter[str] = Counter({"blocked": 0, "error": 0})
"""Lines that were lost, by reason: the reader stood still, or the write failed."""

written = 0
"""Lines handed over to the operating system."""

_STDERR: Final = 2


def _stdout() -> int:
    """Return stdout's descriptor. Whichever of the three standard ones is closed reads as empty.

    Left closed, the number would go to the next socket, and every log line with it.
    """
    while (number := os.open(os.devnull, os.O_RDONLY)) <= _STDERR:
        pass
    os.close(number)
    try:
        # A terminal is writable while it has less room than a line, so it is opened once more, as
        # one that never blocks; the shell's own descriptor stays as it is.
        return os.open(os.ttyname(1), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return 1


_STDOUT: Final = _stdout()
_IS_FILE: Final = stat.S_ISREG(os.fstat(_STDOUT).st_mode)  # never blocks, so it is not asked
_lock = threading.RLock()
_waiting: deque[bytes] = deque()
_poll = select.poll()
_poll.register(_STDOUT, select.POLLOUT)
_rest = b""  # what a stuck reader has not taken yet of a line that was begun


def to_stdout(line: bytes) -> None:
    """Write one line (bytes without the line feed), or drop and count it when stdout is stuck.

    A line that was begun is finished before the next one starts, so no line is ever broken: not
    even by a finalizer or signal handler that logs while this thread is in the middle of one.
    """
    with _lock:
        _waiting.append(line + b"\n")
        if len(_waiting) > 1:
            return  # the call that was interrupted writes it
        while _waiting:
            try:
                _write(_waiting[0])
            finally:
                _waiting.popleft()


def _write(line: bytes) -> None:
    global _rest, written
    whole = data = _rest + line
    try:
        while data and (_IS_FILE or _poll.poll(0)):
            data = data[os.write(_STDOUT, data[:ATOMIC_WRITE]) :]
    except BlockingIOError:  # a terminal without room
        pass
    except OSError:  # closed pipe, full disk, closed stdout
        # Half a line may be out: the next one must not continue it.
        _rest = b"\n" if _rest or data != whole else b""
        dropped["error"] += 1
        return
    if len(data) < len(line):
        _rest = data
        written += 1
    else:  # nothing of this line has gone out
        _rest = data[: len(data) - len(line)]
        dropped["blocked"] += 1


write: Callable[[bytes], None] = to_stdout
"""Where lines go; the tests put their own list here."""
