"""Which language a text is in, by py3langid: a model of 4.6 MB that comes with the package."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

_CODES = (
    "af ar bn bg zh cs da nl en et fi fr de el gu hi he hu id it ja kk kn ko ms ml mr no pl pa pt ro ru sk "
    "es sv th tr tl ta te uk uz vi"
)
LANGUAGES: Final = tuple(_CODES.split())
"""Those that an agent may be set to, and no others: of a hundred languages, some are always closer to a short
sentence than the one it is in."""
SURE: Final = 0.8
MIN_LETTERS: Final = 12
"""Of a text in Latin letters; "okay" is a word of many languages."""
MOST_CHARS: Final = 20_000

_lock = Lock()
_identifier: Any = None


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    """Two letters; empty where it cannot be told."""
    confidence: float


UNKNOWN: Final = Language("", 0.0)


def language_of(text: str) -> Language:
    """The model takes a second to load, so call it on no event loop. Threads wait for each other."""
    text = text[:MOST_CHARS]
    letters = [letter for letter in text if unicodedata.category(letter)[0] == "L"]
    latin = all(ord(letter) < 0x250 for letter in letters)
    if len(letters) < (MIN_LETTERS if latin else 2):
        return UNKNOWN
    with _lock:
        code, confidence = _loaded().classify(text)
    return Language(code if confidence >= SURE else "", round(float(confidence), 3))


def _loaded() -> Any:
    global _identifier
    if _identifier is None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        loaded = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        known = set(loaded.labels)
        loaded.set_languages([code for code in LANGUAGES if code in known])
        _identifier = loaded
    return _identifier
