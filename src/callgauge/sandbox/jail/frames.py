"""The inner end of the channel: a length, then that many bytes of JSON."""

from __future__ import annotations

import os
import struct

FRAME_FD = 3
"""The only descriptor that an evaluation can read or write; the filter names it."""

HEADER = struct.Struct(">I")


def read_frame(fd: int) -> bytes:
    """Raises EOFError when the host has gone."""
    (length,) = HEADER.unpack(_read_exactly(fd, HEADER.size))
    return _read_exactly(fd, length)


def write_frame(fd: int, body: bytes) -> None:
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _read_exactly(fd: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
