"""The host's end of an evaluation's channel: frames capped in length and bounded in time."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any, NoReturn

from callgauge.sandbox.errors import ChannelClosed, ChannelTimeout, FrameInvalid
from callgauge.sandbox.jail.frames import HEADER

_CHUNK_BYTES = 1 << 18


class Channel:
    """Takes ownership of the socket. Every wait is bounded by `deadline`, in `time.monotonic()` seconds."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.deadline = deadline

    def send(self, message: dict[str, Any]) -> None:
        """Raises ChannelClosed or ChannelTimeout: a script may refuse to read."""
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        body = text.encode()
        rest = memoryview(HEADER.pack(len(body)) + body)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise ChannelClosed from error

    def receive(self, max_bytes: int) -> dict[str, Any]:
        """One frame. Raises FrameInvalid for whatever is not a JSON object of at most `max_bytes`."""
        (length,) = HEADER.unpack(self._read(HEADER.size))
        if length > max_bytes:
            raise FrameInvalid(f"a frame of {length} bytes, {max_bytes} are allowed")
        return parse_object(self._read(length))

    def close(self) -> None:
        self._socket.close()

    def _read(self, count: int) -> bytes:
        parts = []
        while count:
            try:
                part = self._socket.recv(min(count, _CHUNK_BYTES))
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise ChannelClosed from error
            if not part:
                raise ChannelClosed
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self, event: int) -> None:
        poller = select.poll()
        poller.register(self._socket, event)
        left_ms = (self.deadline - time.monotonic()) * 1_000
        if left_ms <= 0 or not poller.poll(left_ms):
            raise ChannelTimeout


def parse_object(body: bytes | str) -> dict[str, Any]:
    """An object in strict JSON, without NaN. Raises FrameInvalid, also for absurd nesting and numbers."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError, MemoryError) as error:
        raise FrameInvalid("not JSON that we accept") from error
    if not isinstance(value, dict):
        raise FrameInvalid("not a JSON object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
