"""The fake server's prompt cache: which prefix of a request has been seen before."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from callgauge.judge.fake_dialects import Counted, Part

_CHARS_PER_TOKEN = 4
_BLOCK_CHARS = 128 * _CHARS_PER_TOKEN
"""OpenAI counts cached prefixes in steps of 128 tokens."""
_MIN_CHARS = 1024 * _CHARS_PER_TOKEN
"""Shorter prefixes are not cached, by OpenAI and by most of Anthropic's and Google's models."""
_MAX_ENTRIES = 200_000


class PrefixCache:
    """Remembers prefixes by their hashes; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}
        self.answered = 0
        """Requests so far. A prefix can be read only by requests that came after the answer that left it."""

    def count(self, parts: Sequence[Part], *, only_marked: bool, output_chars: int, came: int) -> Counted:
        """Token counts of a request that came when `came` were answered; it is remembered for later ones."""
        text = "".join(part.text for part in parts)
        ends = _marked_ends(parts) if only_marked else list(range(_BLOCK_CHARS, len(text) + 1, _BLOCK_CHARS))
        ends = [end for end in ends if end >= _MIN_CHARS]
        cached, last = 0, ends[-1] if ends else 0
        for end, digest in zip(ends, _digests(text, ends), strict=True):
            if self._seen.get(digest, came) < came:
                cached = end
            self._remember(digest)
        self.answered += 1
        sound = sum(part.sound_tokens for part in parts)
        return Counted(
            sound=sound,
            prompt=-(-len(text) // _CHARS_PER_TOKEN) + sound,
            cached=cached // _CHARS_PER_TOKEN,
            written=(last - cached) // _CHARS_PER_TOKEN if only_marked else 0,
            output=-(-output_chars // _CHARS_PER_TOKEN),
        )

    def _remember(self, digest: bytes) -> None:
        since = self._seen.pop(digest, self.answered)
        self._seen[digest] = since
        if len(self._seen) > _MAX_ENTRIES:
            self._seen.pop(next(iter(self._seen)))


def _marked_ends(parts: Sequence[Part]) -> list[int]:
    ends, length = [], 0
    for part in parts:
        length += len(part.text)
        if part.ends_prefix:
            ends.append(length)
    return ends


def _digests(text: str, ends: Sequence[int]) -> list[bytes]:
    running, start, digests = blake2b(digest_size=12), 0, []
    for end in ends:
        running.update(text[start:end].encode())
        digests.append(running.digest())
        start = end
    return digests
