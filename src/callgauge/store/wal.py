"""Is what SQLite wrote last still there, before anybody opens it?

SQLite takes a damaged write-ahead log for one that ends where the damage begins: what was committed after it
would be gone without a word, and the log deleted at the next clean stop. So the server looks first.
"""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
MAGIC = (0x377F0682, 0x377F0683)
MX_FRAME_OFFSET = 16
"""In the index that SQLite keeps beside the log: how many of its frames are good."""


class Damaged(Exception):
    """What is wrong, in a few words."""


def check_log(database: Path) -> None:
    """Raises Damaged. Nothing is changed; nobody else has the database open."""
    log = database.with_name(f"{database.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        return
    if not database.exists() or database.stat().st_size == 0:
        raise Damaged(f"{database.name} is missing or empty, but {log.name} is not")
    with log.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not _is_whole(header):
            raise Damaged(f"the beginning of {log.name} is not what SQLite wrote")
        page_bytes, salts = struct.unpack(">I", header[8:12])[0], header[16:24]
        good = _good_frames(database)
        step = FRAME_HEADER_BYTES + page_bytes
        frames = (log.stat().st_size - HEADER_BYTES) // step
        commits = 0
        for number in range(good, frames):
            file.seek(HEADER_BYTES + number * step)
            frame = file.read(FRAME_HEADER_BYTES)
            if frame[8:16] != salts:
                continue  # left from an earlier round through the file
            commits += struct.unpack(">I", frame[4:8])[0] != 0
    # A power cut may spoil the one transaction that was being written. Each one before it was on the disk
    # before the next began.
    if commits > 1:
        raise Damaged(f"{log.name} is damaged: {commits} transactions behind the damage would be lost")


def _is_whole(header: bytes) -> bool:
    """The header has a checksum over its own first 24 bytes."""
    magic = struct.unpack(">I", header[:4])[0]
    if magic not in MAGIC:
        return False
    order = ">" if magic == MAGIC[1] else "<"
    words = struct.unpack(f"{order}6I", header[:24])
    first = second = 0
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return struct.unpack(">2I", header[24:32]) == (first, second)


def _good_frames(database: Path) -> int:
    """As SQLite counts them; opened for reading only, it leaves the log as it is."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        index = database.with_name(f"{database.name}-shm").read_bytes()
    finally:
        connection.close()
    return int(struct.unpack("=I", index[MX_FRAME_OFFSET : MX_FRAME_OFFSET + 4])[0])
