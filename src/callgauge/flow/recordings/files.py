"""Where the files of recordings lie: a folder, or S3-compatible storage. Both name a file by its content."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings

S3 = "s3://"


class StoreError(Exception):
    """The storage of recordings cannot be used."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file's name: content-addressed within a project, so that no project learns what another has."""

    project_id: int
    sha256: str

    @property
    def path(self) -> str:
        return f"{self.project_id}/{self.sha256[:2]}/{self.sha256}"

    @classmethod
    def of(cls, path: str) -> Place | None:
        """The place that a stored path names; None where it is not one of ours."""
        project, _, rest = path.partition("/")
        sha256 = rest.rpartition("/")[2]
        if not project.isdecimal() or rest != f"{sha256[:2]}/{sha256}" or len(sha256) != 64:
            return None
        return cls(int(project), sha256)


class Files(Protocol):
    """Every method may raise StoreError."""

    def put(self, source: Path, place: Place) -> None:
        """Store a file whole or not at all; `source` stays. One that is there already is left alone."""

    def size(self, place: Place) -> int | None:
        """In bytes; None where it is not there."""

    def read(self, place: Place, start: int, stop: int) -> Iterator[bytes]:
        """Bytes start..stop, in blocks."""

    def local(self, place: Place) -> AbstractContextManager[Path]:
        """The file on this machine's disk while the context lasts. Raises FileNotFoundError."""

    def delete(self, place: Place) -> None: ...

    def places(self) -> Iterator[tuple[Place, datetime]]:
        """All that is stored, with the time of the last change."""


class Folder:
    """Files in a folder; a new one is written apart, flushed and moved into place."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, place: Place) -> None:
        target = self._root / place.path
        try:
            if target.exists():
                os.utime(target)  # the sweep spares what was touched lately
                return
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as fresh:
                with source.open("rb") as file:
                    shutil.copyfileobj(file, fresh, 1 << 20)
                fresh.flush()
                os.fsync(fresh.fileno())
            Path(fresh.name).replace(target)
            _flush(target.parent)
        except OSError as error:
            raise StoreError(f"the recording cannot be written: {error.strerror}") from None

    def size(self, place: Place) -> int | None:
        try:
            return (self._root / place.path).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(str(error.strerror)) from None

    def read(self, place: Place, start: int, stop: int) -> Iterator[bytes]:
        with self.open(place) as file:
            file.seek(start)
            left = stop - start
            while left > 0 and (block := file.read(min(left, 1 << 18))):
                left -= len(block)
                yield block

    def open(self, place: Place) -> BinaryIO:
        return (self._root / place.path).open("rb")

    @contextmanager
    def local(self, place: Place) -> Iterator[Path]:
        path = self._root / place.path
        if not path.is_file():
            raise FileNotFoundError(place.sha256)
        yield path

    def delete(self, place: Place) -> None:
        (self._root / place.path).unlink(missing_ok=True)

    def places(self) -> Iterator[tuple[Place, datetime]]:
        for path in self._root.glob("[0-9]*/[0-9a-f][0-9a-f]/*"):
            place = Place.of(path.relative_to(self._root).as_posix())
            try:
                changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            if place is not None:
                yield place, changed


def _flush(folder: Path) -> None:
    """A new name must survive a power cut as the bytes do."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def files() -> Files:
    """The store that the settings name. Raises StoreError."""
    options = settings.CALLGAUGE
    return _opened(options.recording_store, options.recording_store_options, options.data_dir)


@cache
def _opened(store: str, store_options: str, data_dir: Path) -> Files:
    if not store:
        return Folder(data_dir / "recordings")
    if not store.startswith(S3):
        raise StoreError("CALLGAUGE_RECORDING_STORE: write s3://bucket/prefix, or leave it empty")
    from callgauge.flow.recordings.s3 import Bucket

    return Bucket(store, store_options)


def incoming() -> Path:
    """The folder for files that are on their way in, on this machine's disk."""
    folder: Path = settings.CALLGAUGE.data_dir / "recordings" / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
