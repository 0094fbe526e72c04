"""m4a, webm and their like by PyAV, read as libsndfile reads the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from callgauge.domain.extras import how_to_add

from . import errors
from .track import FloatArray

NEEDS_EXTRA = f"m4a and webm need the extra media; {how_to_add('media')}"


@contextmanager
def open_media(file: Path) -> Iterator[MediaFile]:
    """Raises UnsupportedFormat and BrokenFile."""
    try:
        import av
    except ImportError:
        raise errors.UnsupportedFormat(NEEDS_EXTRA) from None
    try:
        container = av.open(str(file))
    except (av.error.FFmpegError, ValueError) as error:
        raise errors.BrokenFile("its header cannot be read") from error
    with container:
        if not container.streams.audio:
            raise errors.UnsupportedFormat("the file holds no sound")
        yield MediaFile(container, av)


class MediaFile:
    """The first sound stream of a container."""

    def __init__(self, container: Any, av: Any) -> None:
        stream = container.streams.audio[0]
        self._faults = (av.error.FFmpegError, ValueError)
        self.channels = int(stream.codec_context.layout.nb_channels)
        self.samplerate = int(stream.rate or 0)
        self.format = container.format.name.partition(",")[0].upper()
        self.subtype = stream.codec_context.name.upper()
        secs = float(stream.duration * stream.time_base) if stream.duration else 0.0
        if not secs and container.duration:
            secs = container.duration / av.time_base
        self.frames = int(secs * self.samplerate)
        resampler = av.AudioResampler(format="flt", layout=stream.codec_context.layout, rate=self.samplerate)
        self._decoded = self._decode(container, resampler)
        self._rest: FloatArray = np.zeros((0, self.channels), np.float32)

    def _decode(self, container: Any, resampler: Any) -> Iterator[FloatArray]:
        for frame in container.decode(audio=0):
            for packed in resampler.resample(frame):
                yield packed.to_ndarray().reshape(-1, self.channels)
        for packed in resampler.resample(None):
            yield packed.to_ndarray().reshape(-1, self.channels)

    def read(self, frames: int, dtype: str, always_2d: bool) -> FloatArray:
        """As `Handle.read`. Raises BrokenFile where decoding gives up; what came before is given first."""
        parts, have = [self._rest], len(self._rest)
        try:
            while have < frames:
                part = next(self._decoded, None)
                if part is None:
                    break
                parts.append(part)
                have += len(part)
        except self._faults as error:
            self._decoded = iter(())
            if not have:
                raise errors.BrokenFile("it breaks off") from error
        joined = np.concatenate(parts).astype(np.float32, copy=False)
        self._rest = joined[frames:]
        return joined[:frames]
