"""The agent's knowledge base for a judge: whole where it fits, else the passages that the call is about."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from callgauge.domain.calls import Call, Document, Role, Turn, stable_hash

DEFAULT_TOKENS: Final = 6_000
"""A share of a prompt that leaves a call of an hour and every current model's window room."""
PASSAGE_CHARS = 800
"""About a paragraph: long enough to stand alone, short enough for many to fit."""
PER_TURN = 5
"""Passages that one turn may bring in."""
K1, B = 1.2, 0.75
"""BM25's usual constants (Robertson and Zaragoza, 2009): saturation of repeated words, weight of length."""
_CHARS_PER_TOKEN = 4
"""Of ASCII text; other characters are counted as a token each, which is on the safe side."""

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE = re.compile(r"[.!?;]\s+|[。！？]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    document: int
    """Index of its document."""
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a judge is shown."""

    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class _Index:
    passages: Sequence[Passage]
    postings: dict[str, list[tuple[int, float]]]
    """By word: the passages that have it, each with its weight for that word."""

    def best(self, words: set[str]) -> list[int]:
        """Passages by score, best first; equal ones in the order of the documents."""
        scores: defaultdict[int, float] = defaultdict(float)
        for word in sorted(words):
            for passage, weight in self.postings.get(word, ()):
                scores[passage] += weight
        return sorted(scores, key=lambda passage: (-scores[passage], passage))[:PER_TURN]


def knowledge_hash(documents: Sequence[Document]) -> str:
    return stable_hash([(one.name, one.content_hash) for one in documents])


def show(call: Call, max_tokens: int) -> Shown:
    """The whole knowledge base if it has at most `max_tokens`; else, for each turn in turn, the passages that
    match its words best (BM25), until the budget is used up. The same call and files give the same text."""
    documents = tuple(call.agent.knowledge)
    index = index_of(documents)
    if sum(passage.tokens for passage in index.passages) <= max_tokens:
        return Shown("\n\n".join(f"File: {one.name}\n{one.text}" for one in documents), whole=True)
    chosen: set[int] = set()
    for rank in zip_longest(*(index.best(set(words(turn.text))) for turn in _statements(call))):
        for passage in rank:
            if passage is None or passage in chosen:
                continue
            if index.passages[passage].tokens <= max_tokens:
                max_tokens -= index.passages[passage].tokens
                chosen.add(passage)
    return Shown(_written(documents, index, sorted(chosen)), whole=False)


def _statements(call: Call) -> list[Turn]:
    """The agent's turns, which are to be checked, before the caller's, which say what it was asked."""
    return [turn for role in (Role.AGENT, Role.CALLER) for turn in call.turns if turn.role is role]


@lru_cache(maxsize=16)
def index_of(documents: tuple[Document, ...]) -> _Index:
    """Built once per knowledge base: about 0.1 s of CPU for each million characters."""
    passages = [
        Passage(number, text, tokens_of(text))
        for number, document in enumerate(documents)
        for text in split(document.text)
    ]
    counts = [Counter(words(passage.text)) for passage in passages]
    lengths = [count.total() for count in counts]
    mean = sum(lengths) / len(lengths) if passages else 1.0
    holders: dict[str, list[int]] = {}
    for number, count in enumerate(counts):
        for word in count:
            holders.setdefault(word, []).append(number)
    postings = {}
    for word, numbers in holders.items():
        rarity = math.log(1 + (len(passages) - len(numbers) + 0.5) / (len(numbers) + 0.5))
        postings[word] = [
            (n, rarity * (f := counts[n][word]) * (K1 + 1) / (f + K1 * (1 - B + B * lengths[n] / mean)))
            for n in numbers
        ]
    return _Index(passages, postings)


def split(text: str) -> list[str]:
    """Passages of at most PASSAGE_CHARS, of whole lines; a longer line is cut after a sentence or a word."""
    passages: list[str] = []
    for line in text.splitlines():
        for piece in filter(None, _pieces(line.strip())):
            if passages and len(passages[-1]) + 1 + len(piece) <= PASSAGE_CHARS:
                passages[-1] += f"\n{piece}"
            else:
                passages.append(piece)
    return passages


def _pieces(line: str) -> list[str]:
    pieces: list[str] = []
    while len(line) > PASSAGE_CHARS:
        cuts = [match.end() for match in _SENTENCE.finditer(line, 1, PASSAGE_CHARS)]
        cuts = cuts or [match.end() for match in _SPACE.finditer(line, 1, PASSAGE_CHARS)]
        cut = cuts[-1] if cuts else PASSAGE_CHARS
        pieces.append(line[:cut].strip())
        line = line[cut:].strip()
    return [*pieces, line]


def words(text: str) -> list[str]:
    """Words in lower case without a plural s; pairs of characters where a script does not part words."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _CJK.search(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            found.append(word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word)
    return found


def tokens_of(text: str) -> int:
    ascii_chars = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return math.ceil(ascii_chars / _CHARS_PER_TOKEN) + len(text) - ascii_chars


def _written(documents: Sequence[Document], index: _Index, chosen: Sequence[int]) -> str:
    """Passages by file in their order; […] where something between two of them is left out."""
    files: list[str] = []
    last: int | None = None
    for number in chosen:
        passage = index.passages[number]
        if last is None or index.passages[last].document != passage.document:
            files.append(f"File: {documents[passage.document].name}\n{passage.text}")
        else:
            files[-1] += f"\n{passage.text}" if number == last + 1 else f"\n[…]\n{passage.text}"
        last = number
    return "\n\n".join(files)
