"""Is a quote really in the transcript, and at which turn?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from callgauge.domain.calls import Turn, said
from callgauge.domain.outcomes import Evidence

MIN_RUN_CHARS = 6
"""A quote is also looked for with all gaps closed ("e-mail", "email"); shorter ones would be found inside
other words. Scripts without spaces between words need no minimum."""

_PREFIX = re.compile(
    r"^\s*(?:#?\d+\s*)?(?:\[\d+:\d+\]\s*)?"
    r"(?:Main Agent|Testing Agent|Function Call(?: Result)?|System)\s*:\s*",
    re.IGNORECASE,
)
"""What stands before a turn in the prompt; judges copy it along."""
_ELLIPSIS = re.compile(r"\s*(?:\.{3,}|…|\[…\]|\[\.\.\.\])\s*")


class QuoteFinder:
    """Finds quotes in the turns of one call. The turns are put into words once, when they are first needed:
    a call of ten thousand turns and an answer with twenty invented quotes must not stop everything else."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._texts: list[tuple[str, str]] | None = None

    def find(self, quote: str, named: int | None) -> Evidence:
        """First in the turn that was named (an index), then in all. Case, white space and punctuation do
        not count; the pieces around an ellipsis must follow each other within one turn."""
        pieces = [_words(piece) for piece in _ELLIPSIS.split(_PREFIX.sub("", quote))]
        pieces = [piece for piece in pieces if piece]
        if not pieces:
            return Evidence(quote, found=False)
        if named is not None and 0 <= named < len(self._turns) and _holds(_forms(self._turns[named]), pieces):
            return self._at(quote, named)
        if self._texts is None:
            self._texts = [_forms(turn) for turn in self._turns]
        for index, forms in enumerate(self._texts):
            if _holds(forms, pieces):
                return self._at(quote, index)
        return Evidence(quote, found=False)

    def _at(self, quote: str, index: int) -> Evidence:
        return Evidence(quote, index, self._turns[index].start_secs, found=True)


def _forms(turn: Turn) -> tuple[str, str]:
    """The turn's words between spaces, and with all gaps closed."""
    words = _words(said(turn))
    return f" {words} ", words.replace(" ", "")


def _holds(forms: tuple[str, str], pieces: Sequence[str]) -> bool:
    spaced, closed = forms
    return _in_order(spaced, [f" {piece} " for piece in pieces], overlap=1) or (
        all(_runs_on(piece) for piece in pieces)
        and _in_order(closed, [piece.replace(" ", "") for piece in pieces], overlap=0)
    )


def _in_order(text: str, pieces: Sequence[str], *, overlap: int) -> bool:
    """`overlap`: characters that two neighbours share, here the space between them."""
    at = 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece) - overlap
    return True


def _runs_on(piece: str) -> bool:
    closed = piece.replace(" ", "")
    return len(closed) >= MIN_RUN_CHARS or any(unicodedata.category(char) == "Lo" for char in closed)


class _Gaps(dict[int, int]):
    """For str.translate: letters, marks and digits stay, all else is a space. Filled as it is needed."""

    def __missing__(self, code: int) -> int:
        kept = code if unicodedata.category(chr(code))[0] in "LNM" else ord(" ")
        self[code] = kept
        return kept


_GAPS = _Gaps()
_APOSTROPHE = re.compile(r"(?<=\w)['’ʼ](?=\w)")


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Lower-case words with one space between them; everything but letters, marks and digits is a gap,
    except an apostrophe inside a word, which is dropped."""
    folded = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_GAPS).split())
