"""Two wordings of one text as one, with what went and what came."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

_WORDS = re.compile(r"\s*\S+|\s+$")
"""With the space before it: a space alone is found again everywhere, and tears apart what changed."""


@dataclass(frozen=True, slots=True)
class Passage:
    kind: str
    """same, removed or added."""
    text: str


def compare_words(before: str, after: str) -> list[Passage]:
    """Word by word; what changed is shown removed first, then added."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    passages: list[Passage] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            passages.append(Passage("same", "".join(old[old_from:old_to])))
            continue
        for kind, words in (("removed", old[old_from:old_to]), ("added", new[new_from:new_to])):
            if words:
                passages.append(Passage(kind, "".join(words)))
    return passages
