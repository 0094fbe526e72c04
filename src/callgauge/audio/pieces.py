"""A recording cut for speech to text: each channel by itself, in pieces of some minutes, as FLAC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .decode import SILENT_PEAK, decode
from .sides import is_empty
from .track import HOP, RATE, Track

PIECE_SECS = 600.0
"""10 MB of FLAC; servers take 25 MB."""
SEARCH_SECS = 30.0
"""A cut is made where it is quietest in the last so many seconds of a piece."""
QUIET_FRAMES = 60
"""300 ms; a cut in a longer quiet hits no word."""
SPEECH_PEAK = 30 * SILENT_PEAK
"""-50 dBFS. A piece that is quieter holds no words, and models make some up."""


def cut(path: str, folder: str, mixed: bool) -> list[dict[str, Any]]:
    """Write the pieces; each is given as `channel`, `start_secs` and `file`, which is None where nothing is
    heard in it. `mixed`: all is on one channel, or on both alike: the first that is not silent is enough.

    Raises AudioError."""
    found: list[dict[str, Any]] = []
    with decode(path) as decoded:
        tracks: Sequence[Track] = decoded.tracks
        if mixed:
            tracks = [one for one in tracks if not is_empty(one.powers())][:1] or tracks[:1]
        for channel, track in enumerate(tracks):
            for number, (start, stop) in enumerate(_spans(track)):
                file = Path(folder) / f"{channel}-{number:03d}.flac"
                heard = _write(track, start, stop, file)
                start_secs = start / RATE
                found.append(
                    {"channel": channel, "start_secs": start_secs, "file": str(file) if heard else None}
                )
    return found


def _spans(track: Track) -> Iterator[tuple[int, int]]:
    start, most = 0, int(PIECE_SECS * RATE)
    while track.samples - start > most:
        stop = _quietest(track, start + most)
        yield start, stop
        start = stop
    yield start, track.samples


def _quietest(track: Track, latest: int) -> int:
    """The middle of the quietest 300 ms before `latest`."""
    last = latest // HOP
    powers = track.powers()[last - int(SEARCH_SECS * RATE) // HOP : last]
    mean = np.convolve(powers, np.ones(QUIET_FRAMES) / QUIET_FRAMES, mode="valid")
    return (last - len(powers) + int(mean.argmin()) + QUIET_FRAMES // 2) * HOP


def _write(track: Track, start: int, stop: int, file: Path) -> bool:
    import soundfile

    peak = 0.0
    with soundfile.SoundFile(file, "w", RATE, 1, format="FLAC", subtype="PCM_16") as target:
        for at in range(start, stop, 30 * RATE):
            block = track.read(at, min(at + 30 * RATE, stop))
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            target.write(block)
    return peak >= SPEECH_PEAK
