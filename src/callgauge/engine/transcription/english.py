"""What is known of English words: which stand for the same, and what kind each is. The lists are in
`english.txt`."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _read() -> dict[str, str]:
    text = (files(__package__) / "english.txt").read_text(encoding="utf-8")
    sections = (section.partition("\n") for section in text.split("== ")[1:])
    return {name.strip(): " ".join(body.split()) for name, _, body in sections}


_LISTS: Final = _read()


def _listed(name: str) -> frozenset[str]:
    return frozenset(_LISTS[name].split())


def _pairs(name: str) -> dict[str, str]:
    halves = (pair.partition("=") for pair in _LISTS[name].split(", "))
    return {word: same for word, _, same in halves}


def _counted(name: str, start: int, step: int = 1) -> dict[str, int]:
    return {word: step * number for number, word in enumerate(_LISTS[name].split(), start)}


CONTRACTIONS: Final = _pairs("contractions")
ENDINGS: Final = _pairs("endings")
IS_AFTER: Final = _listed("is_after")
"""After these `'s` is "is"; after any other word it is a possessive, and only the apostrophe goes."""
FILLERS: Final = _listed("fillers")
"""Sounds that some transcripts have and others leave out."""
SAME: Final = _pairs("same")
"""Units, abbreviations and spellings that say the same."""

DIGITS: Final = _counted("units", 0)
TENS: Final = _counted("tens", 2, 10)
SCALES: Final = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
ORDINALS: Final = _counted("ordinals", 1) | _counted("ordinal_tens", 2, 10)
TIMES_OVER: Final = {"double": 2, "triple": 3}
PRONOUN_BEFORE: Final = _listed("pronoun_before")
""""One" after these is no number."""

NEGATIONS: Final = _listed("negations")
FUNCTION: Final = _listed("function")
"""What a call is seldom about: articles, pronouns, auxiliaries, adverbs, common adjectives."""
ADVERB_OR_ADJECTIVE: Final = ("ly", "ful", "less", "ous", "able", "ible", "ive")
ENDS_SO_BUT_NOUNS: Final = _listed("ends_so_but_nouns")
ALSO_NOUNS: Final = _listed("also_nouns")
VERB_BEFORE: Final = _listed("verb_before")
"""A word that can be both is a verb after these, and a noun after any other."""


def _inflected(base: str) -> set[str]:
    """Regular forms: calls, called, calling; tries, tried; stopped, stopping."""
    if base.endswith("e"):
        return {base, f"{base}s", f"{base}d", f"{base[:-1]}ing"}
    if base.endswith("y") and base[-2] not in "aeiou":
        return {base, f"{base[:-1]}ies", f"{base[:-1]}ied", f"{base}ing"}
    hisses = base.endswith(("s", "x", "z", "ch", "sh"))
    forms = {base, f"{base}es" if hisses else f"{base}s", f"{base}ed", f"{base}ing"}
    if base[-1] not in "aeiouwxy" and base[-2] in "aeiou" and base[-3:-2] not in "aeiou":
        forms |= {f"{base}{base[-1]}ed", f"{base}{base[-1]}ing"}
    return forms


VERBS: Final = frozenset(form for base in _listed("bases") for form in _inflected(base)) | _listed(
    "irregular"
)
NOUN_FORMS: Final = ALSO_NOUNS | {f"{noun}s" for noun in ALSO_NOUNS}
