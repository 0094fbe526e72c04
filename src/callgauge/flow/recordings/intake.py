"""Taking a file in: streamed to disk, hashed, looked at from outside, put into the store."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from callgauge.flow.errors import FlowError
from callgauge.flow.recordings.files import Place, files, incoming

BLOCK_BYTES = 1 << 20
HEAD_BYTES = 16
"""As much as tells what a file is."""
KINDS = "wav, mp3, ogg, opus, flac, and m4a or webm where the server has the extra media"


class Refused(FlowError):
    """The bytes cannot be a recording; the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Incoming:
    """A whole file on this machine's disk that may become a call's recording."""

    path: Path
    sha256: str
    size_bytes: int
    media_type: str

    def place(self, project_id: int) -> Place:
        return Place(project_id, self.sha256)

    def put(self, project_id: int) -> None:
        """Into the store; a file without a row is swept away after a while. Raises StoreError."""
        files().put(self.path, self.place(project_id))


class Writing:
    """A file being written to, block by block. Raises Refused as soon as it is too large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self._size = 0
        self._head = b""
        self._max_bytes: int = settings.CALLGAUGE.recording_max_mb << 20

    def write(self, block: bytes) -> None:
        self._size += len(block)
        if self._size > self._max_bytes:
            raise too_large()
        if len(self._head) < HEAD_BYTES:
            self._head += block[:HEAD_BYTES]
        self._hash.update(block)
        self._file.write(block)

    def close(self) -> None:
        self._file.close()

    def done(self) -> Incoming:
        """Raises Refused for what is empty or no kind of recording."""
        self._file.flush()
        self._file.close()
        media_type = check_file(self._head, self._size)
        return Incoming(self._path, self._hash.hexdigest(), self._size, media_type)


def check_file(head: bytes, size: int) -> str:
    """The media type by the first bytes of a file. Raises Refused for what is empty, too large or no kind of
    recording."""
    if size == 0:
        raise Refused("empty_file", "The recording is empty.")
    if size > settings.CALLGAUGE.recording_max_mb << 20:
        raise too_large()
    media_type = sniff(head)
    if media_type is None:
        raise Refused("unsupported_format", f"This is no recording that can be read: {KINDS}.")
    return media_type


def too_large() -> Refused:
    limit_mb = settings.CALLGAUGE.recording_max_mb
    return Refused(
        "too_large", f"The recording is larger than {limit_mb} MB, the limit of CALLGAUGE_RECORDING_MAX_MB."
    )


@contextmanager
def writing_path() -> Iterator[Path]:
    """A temporary file that is gone when the context ends, whatever was done with it."""
    handle, name = tempfile.mkstemp(dir=incoming())
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def writing() -> Iterator[Writing]:
    """The same, written to block by block."""
    with writing_path() as path:
        target = Writing(path)
        try:
            yield target
        finally:
            target.close()


def copied(path: Path) -> Incoming:
    """A file that was made here."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(0)
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return Incoming(path, digest.hexdigest(), path.stat().st_size, sniff(head) or "application/octet-stream")


@contextmanager
def take_in(read: Callable[[int], bytes]) -> Iterator[Incoming]:
    """Everything that `read` gives, until it gives nothing. Raises Refused."""
    with writing() as target:
        while block := read(BLOCK_BYTES):
            target.write(block)
        yield target.done()


def sniff(head: bytes) -> str | None:
    """The media type by a file's first bytes: names and headers of requests often lie."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"WAVE", b""):
        return "audio/wav"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "audio/mpeg"
    for mark, at, kind in (
        (b"OggS", 0, "audio/ogg"),
        (b"fLaC", 0, "audio/flac"),
        (b"ftyp", 4, "audio/mp4"),
        (b"\x1aE\xdf\xa3", 0, "audio/webm"),
    ):
        if head[at : at + len(mark)] == mark:
            return kind
    return None
