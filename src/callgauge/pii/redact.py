"""Takes personal data out of a conversation, and of what is stored beside it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from callgauge.domain.calls import Tool, Turn

from . import electronic, identifiers, known, moments, names, places, traits
from .fields import TOKENS, Field
from .lines import Finding, Line, mask

_TOKEN: Final = re.compile(rf"<(?:{'|'.join(token[1:-1] for token in TOKENS.values())})>")
_HASH: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,128}")
"""Ids that machines give; their digits are nobody's number."""
MAX_LEVELS: Final = 100


@dataclass(frozen=True, slots=True)
class Hidden:
    """Where something was in a turn as it was said: characters `start` to `end` of turn number `turn`."""

    turn: int
    start: int
    end: int
    field: Field


@dataclass(frozen=True, slots=True)
class Redacted:
    turns: tuple[Turn, ...]
    hidden: tuple[Hidden, ...]
    """In spoken turns, in order."""
    tools: int = 0
    """Tool events in which something was hidden."""

    def counts(self) -> dict[str, int]:
        return dict(Counter(str(one.field) for one in self.hidden))


class Redactor:
    """Hides the given kinds. What it once found in a conversation it finds in everything after it, so turns
    go first."""

    def __init__(self, fields: Collection[Field], values: known.Known | None = None) -> None:
        self._fields = frozenset(fields)
        self._known = dict(values or {})

    def turns(self, turns: Sequence[Turn]) -> Redacted:
        spoken = [number for number, turn in enumerate(turns) if turn.tool is None]
        lines = [Line(turns[number].text, turns[number].role.value) for number in spoken]
        for turn in turns:
            if turn.tool is not None:
                self._known |= known.known_values(_decoded(turn.tool.arguments), _decoded(turn.tool.result))
        hidden: list[Hidden] = []
        made = list(turns)
        for index, found in self._resolved(lines).items():
            number = spoken[index]
            made[number] = replace(turns[number], text=_replaced(lines[index].text, found))
            for start, end, field in found:
                hidden.append(Hidden(number, start, end, field))
                self._learn(lines[index].text[start:end], field)
        tools = 0
        for number, turn in enumerate(turns):
            if turn.tool is not None:
                made[number] = self._tool(turn, turn.tool)
                tools += made[number] != turn
        return Redacted(tuple(made), tuple(sorted(hidden, key=lambda one: (one.turn, one.start))), tools)

    def _learn(self, value: str, field: Field) -> None:
        if known.MIN_CHARS < len(value) <= known.MAX_CHARS and len(self._known) < known.MAX_VALUES:
            self._known.setdefault(value.lower(), (field,))

    def _tool(self, turn: Turn, tool: Tool) -> Turn:
        text = self.text(turn.text) if turn.text else turn.text
        arguments, result = self._tool_text(tool.arguments), self._tool_text(tool.result)
        return replace(turn, text=text, tool=replace(tool, arguments=arguments, result=result))

    def _tool_text(self, text: str) -> str:
        value = _decoded(text)
        if not isinstance(value, (dict, list)):
            return self.text(text)
        made = self.json(value)
        return text if made == value else json.dumps(made, ensure_ascii=False)

    def text(self, text: str) -> str:
        """One text by itself."""
        if not text or _HASH.fullmatch(text):
            return text
        line = Line(text)
        return _replaced(text, self._resolved([line]).get(0, ()))

    def known_in(self, text: str) -> str:
        """The text without what is known of the conversation already, and nothing else looked for."""
        found = [
            (finding.start, finding.end, field)
            for finding in known.find([Line(text)], self._known)
            if (field := next((one for one in finding.fields if one in self._fields), None)) is not None
        ]
        return _replaced(text, found)

    def json(self, value: Any) -> Any:
        """An object with the values hidden whose keys tell what they are, and what stands in its texts."""
        return self._json(value, (), 0)

    def _json(self, value: Any, fields: tuple[Field, ...], level: int) -> Any:
        if level > MAX_LEVELS or isinstance(value, bool) or value is None:
            return value
        if isinstance(value, dict):
            return {
                key: self._json(inner, known.fields_of_key(str(key)), level + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._json(inner, fields, level + 1) for inner in value]
        wanted = next((field for field in fields if field in self._fields), None)
        if wanted is not None and value != "":
            return TOKENS[wanted]
        if isinstance(value, str):
            return self.text(value)
        return value

    def _resolved(self, lines: Sequence[Line]) -> dict[int, Sequence[tuple[int, int, Field]]]:
        """What is to be hidden, by line, in order and apart from each other."""
        found: dict[int, list[tuple[int, int, Field]]] = {}
        taken: dict[int, bytearray] = {}
        for finding in self._ranked(lines):
            field = next((one for one in finding.fields if one in self._fields), None)
            if field is None:
                continue
            text = lines[finding.line].text
            covered = taken.setdefault(finding.line, bytearray(len(text)))
            start, end = _free(finding.start, finding.end, covered, text)
            if start < end:
                covered[start:end] = b"\1" * (end - start)
                found.setdefault(finding.line, []).append((start, end, field))
        return {index: sorted(here) for index, here in found.items()}

    def _ranked(self, lines: Sequence[Line]) -> list[Finding]:
        """All that is found, the more telling and the longer first."""
        ranked = [
            (rank, finding.start - finding.end, finding.line, finding.start, finding)
            for rank, findings in enumerate(self._found(lines))
            for finding in findings
        ]
        return [one[-1] for one in sorted(ranked, key=lambda one: one[:-1])]

    def _found(self, lines: Sequence[Line]) -> Iterator[list[Finding]]:
        tokens = {
            index: mask([match.span() for match in _TOKEN.finditer(line.text)], len(line.text))
            for index, line in enumerate(lines)
        }
        dates, times = [*moments.dates(lines)], [*moments.times(lines)]
        located, said, aged = [*places.find(lines)], [*traits.find(lines)], [*moments.ages(lines)]
        addresses = [*electronic.find(lines)]
        taken = {index: bytearray(covered) for index, covered in tokens.items()}
        for one in (*dates, *times, *located, *said, *aged, *addresses):
            taken[one.line][one.start : one.end] = b"\1" * (one.end - one.start)
        numbers = [*identifiers.find(lines, taken)]
        strong = [one for one in numbers if one.fields[0] is not Field.NUMERICAL_PII]
        weak = [one for one in numbers if one.fields[0] is Field.NUMERICAL_PII]
        told = [*known.find(lines, self._known)]
        for findings in (
            addresses,
            strong,
            located,
            dates,
            times,
            said,
            aged,
            told,
            [*names.find(lines)],
            weak,
        ):
            yield [one for one in findings if tokens[one.line].find(1, one.start, one.end) < 0]


def _free(start: int, end: int, taken: bytearray, text: str) -> tuple[int, int]:
    """The first part of a place that is not taken yet; an empty one where nothing but spaces is left."""
    start = _first_free(start, end, taken)
    covered = taken.find(1, start, end)
    end = end if covered < 0 else covered
    while start < end and not text[start].isalnum() and text[start] not in "+(@$€£":
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] not in ")":
        end -= 1
    return start, end


def _first_free(start: int, end: int, taken: bytearray) -> int:
    free = taken.find(0, start, end)
    return end if free < 0 else free


def _replaced(text: str, found: Sequence[tuple[int, int, Field]]) -> str:
    parts, at = [], 0
    for start, end, field in found:
        parts += [text[at:start], TOKENS[field]]
        at = end
    return "".join([*parts, text[at:]])


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
