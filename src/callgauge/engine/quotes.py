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


def locate(quote: str, named: int | None, turns: Sequence[Turn]) -> Evidence:
    """Find a quote: first in the turn that was named (an index), then in all. Case, white space and
    punctuation do not count; the pieces around an ellipsis must follow each other within one turn."""
    pieces = [_words(piece) for piece in _ELLIPSIS.split(_PREFIX.sub("", quote))]
    pieces = [piece for piece in pieces if piece]
    if pieces:
        first = [named] if named is not None and 0 <= named < len(turns) else []
        for index in (*first, *(i for i in range(len(turns)) if i != named)):
            if _holds(_words(said(turns[index])), pieces):
                return Evidence(quote, index, turns[index].start_secs, found=True)
    return Evidence(quote, found=False)


def _holds(text: str, pieces: Sequence[str]) -> bool:
    return _in_order(f" {text} ", [f" {piece} " for piece in pieces], overlap=1) or (
        all(_runs_on(piece) for piece in pieces)
        and _in_order(text.replace(" ", ""), [piece.replace(" ", "") for piece in pieces], overlap=0)
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


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Lower-case words with one space between them; everything but letters, marks and digits is a gap,
    except an apostrophe inside a word, which is dropped."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"(?<=\w)['’ʼ](?=\w)", "", folded)
    return " ".join(
        "".join(char if unicodedata.category(char)[0] in "LNM" else " " for char in folded).split()
    )
