"""What can be wrong with a recording.

AudioError
├── MissingFile        the path names no file
├── EmptyFile          no bytes, or a header and no sound
├── UnsupportedFormat  not a format that this installation decodes
├── BrokenFile         the decoder gave up before any usable sound
├── SilentFile         sound was decoded, all of it silence
├── TooLong            longer than the limit
├── WrongChannels      neither one nor two channels
└── NoSuchChannel      the named agent channel is not in the file
"""

from __future__ import annotations

from typing import ClassVar


class AudioError(Exception):
    """The recording cannot be analysed"""

    code: ClassVar[str] = "audio_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        reason = (type(self).__doc__ or "").strip()
        super().__init__(f"{reason}: {detail}" if detail else reason)


class MissingFile(AudioError):
    """There is no recording at this place"""

    code = "missing_file"


class EmptyFile(AudioError):
    """The recording holds no sound"""

    code = "empty_file"


class UnsupportedFormat(AudioError):
    """The recording is in a format that cannot be decoded here"""

    code = "unsupported_format"


class BrokenFile(AudioError):
    """The recording is damaged"""

    code = "broken_file"


class SilentFile(AudioError):
    """The recording is silent from start to end"""

    code = "silent_file"


class TooLong(AudioError):
    """The recording is longer than the limit"""

    code = "too_long"


class WrongChannels(AudioError):
    """A call recording has one or two channels"""

    code = "wrong_channels"


class NoSuchChannel(AudioError):
    """The agent's channel is not in the recording"""

    code = "no_such_channel"
