"""Which file on disk is the recording of an imported call: named in its row, or after its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

ENDINGS: Final = frozenset(
    {".wav", ".wave", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".mp4", ".webm"}
)


class NoSuchRecording(Exception):
    """The file that a row means cannot be taken; the message says why."""


class RecordingFiles:
    """Paths in rows are relative to `folder` if it is given, else to the folder of the imported file, and
    lead to nothing outside it: who wrote the rows may be somebody else than who imports them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.used: set[Path] = set()

    def find(self, source: Path, call_id: str, named: str) -> Path | None:
        """Raises NoSuchRecording."""
        found = self._named(source.parent, named) if named else self._by_id(call_id)
        if found is not None:
            self.used.add(found)
        return found

    def left_over(self) -> int:
        """Files in the folder that no call has taken."""
        return sum(path.resolve() not in self.used for paths in self._files.values() for path in paths)

    def _named(self, beside: Path, named: str) -> Path:
        base = (self._folder or beside).resolve()
        try:
            path = (base / named).resolve()
            there = path.is_file()
        except (OSError, ValueError, RuntimeError):
            raise NoSuchRecording("this is no path of a file.") from None
        if not path.is_relative_to(base):
            raise NoSuchRecording(f"the path leads out of {base}; name the folder with --recordings.")
        if not there:
            raise NoSuchRecording(f"there is no such file in {base}.")
        return path

    def _by_id(self, call_id: str) -> Path | None:
        paths = self._files.get(call_id, ())
        if len(paths) > 1:
            names = ", ".join(sorted(path.name for path in paths))
            raise NoSuchRecording(f"more than one file is named after the call: {names}.")
        return self._inside(paths[0]) if paths else None

    def _inside(self, path: Path) -> Path:
        """Where a link leads, which may be another name in the folder."""
        assert self._folder is not None
        base, path = self._folder.resolve(), path.resolve()
        if not path.is_relative_to(base):
            raise NoSuchRecording(f"the file named after the call leads out of {base}.")
        return path

    @cached_property
    def _files(self) -> Mapping[str, Sequence[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        if self._folder is not None:
            for path in self._folder.iterdir():
                if path.suffix.lower() in ENDINGS and path.is_file():
                    found[path.name[: -len(path.suffix)]].append(path)
        return found
