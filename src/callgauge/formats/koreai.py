"""Kore.ai, as far as its conversation history is public: `messages` of components, incoming or outgoing."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from callgauge.domain.calls import Role
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, as_row, first, moment, read_row, row_id, rows_in
from callgauge.formats.text import text_of

_PATHS = ("messages", "transcript", "conversation")

_DIRECTIONS = {"incoming": Role.CALLER, "outgoing": Role.AGENT}
"""As the bot sees it: what comes in was said by the caller."""

_SHAPE = Shape(role=("role", "type"), start=("createdOn", "timestampValue", "start_time", "timestamp"))


def read(payload: Any, notes: Notes) -> list[Draft]:
    """The history's pages run from the newest message to the oldest; a list that does so is turned round."""
    drafts: list[Draft] = []
    for number, value in enumerate(rows_in(payload, _PATHS), start=1):
        row = as_row(value, number)
        direction = row.get("type")
        if isinstance(direction, str) and direction in _DIRECTIONS:
            drafts.append(_message(row, _DIRECTIONS[direction], number, notes))
        else:
            drafts += read_row(row, number, notes, _SHAPE)
    times = [draft.start.secs for draft in drafts if draft.start]
    if len(times) > 1 and all(later > sooner for later, sooner in pairwise(times)):
        notes.add("the newest message came first, the order was turned round")
        drafts.reverse()
    return drafts


def _message(row: Row, role: Role, number: int, notes: Notes) -> Draft:
    components = row.get("components")
    words = [_component(part, number, notes) for part in components] if isinstance(components, list) else []
    text = " ".join(word for word in words if word) or text_of(first(row, ("text", "content")), notes, number)
    return Draft(
        number, row["type"], role, text, moment(first(row, _SHAPE.start), number, notes), id=row_id(row)
    )


def _component(part: Any, number: int, notes: Notes) -> str:
    data = part.get("data") if isinstance(part, dict) else None
    text = text_of(data, notes, number)
    return _spoken(text) if text.startswith("{") else text


def _spoken(text: str) -> str:
    """A template's speech hint or text; templates travel as JSON inside the text."""
    try:
        template = json.loads(text)
    except (ValueError, RecursionError):
        return text
    payload = template.get("payload")
    spoken = first(payload, ("speech_hint", "text")) if isinstance(payload, dict) else None
    return spoken.strip() if isinstance(spoken, str) else text


def detects(payload: Any) -> bool:
    return any("components" in row and row.get("type") in tuple(_DIRECTIONS) for row in peek(payload, _PATHS))


FORMAT = Format("koreai", "Kore.ai conversation history messages", read, detects)
