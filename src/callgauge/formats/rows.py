"""Reads one provider row into drafts: spoken text and tool events, with times not yet settled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from callgauge.domain.calls import Role, Tool
from callgauge.formats.errors import TranscriptError
from callgauge.formats.notes import Notes
from callgauge.formats.roles import role_of
from callgauge.formats.text import clean, json_text, text_of
from callgauge.formats.times import Moment, read_moment

MAX_TURNS = 50_000
"""Turns of one call; a day of talk has about 20,000."""

Row = dict[str, Any]


@dataclass(slots=True)
class Draft:
    """A turn in the making. `role` is None while nobody knows what `name` means."""

    row: int
    name: Any
    role: Role | None
    text: str
    start: Moment | None = None
    end: Moment | None = None
    tool: Tool | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The names under which rows carry a field; the first that holds something wins."""

    role: tuple[str, ...] = ("role", "speaker", "sender", "user")
    text: tuple[str, ...] = ("content", "text", "message", "transcript", "utterance", "parts")
    start: tuple[str, ...] = (
        "start_time",
        "start",
        "startTime",
        "started_at",
        "time",
        "timestamp",
        "time_sec",
        "created_at",
        "createdAt",
    )
    end: tuple[str, ...] = ("end_time", "end", "endTime", "ended_at")


_ANY = Shape()

_CALL_ID_KEYS = ("tool_call_id", "toolCallId", "call_id", "request_id", "id")
"""LiveKit and OpenAI items have an `id` of their own beside the id that joins call and result."""

_NAME_KEYS = ("name", "tool_name", "toolName", "function_name")
_ARGUMENT_KEYS = ("arguments", "args", "params_as_json", "parameters", "params", "input")
_RESULT_KEYS = ("result", "output", "result_value", "response", "content", "message", "text")
_ROW_ID_KEYS = ("id", "_id", "message_id")


def rows_in(payload: Any, paths: Sequence[str]) -> list[Any]:
    """The list of rows: the payload itself, or what lies under the first of the dotted paths that fits."""
    rows = find_rows(payload, paths)
    if rows is None:
        raise TranscriptError(f"expected a list of turns, found {kind_of(payload)}.")
    if len(rows) > MAX_TURNS:
        raise TranscriptError(f"{len(rows):,} turns are more than the {MAX_TURNS:,} that a call may have.")
    return rows


def find_rows(payload: Any, paths: Sequence[str]) -> list[Any] | None:
    if isinstance(payload, list):
        return payload
    for path in paths:
        found = payload
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, list):
            return found
    return None


def kind_of(value: Any) -> str:
    """What JSON calls the value, for messages."""
    names = {bool: "a boolean", str: "a text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")


def as_row(value: Any, row: int) -> Row:
    if not isinstance(value, dict):
        raise TranscriptError(f"expected an object, found {kind_of(value)}.", row=row)
    return value


def read_rows(rows: Iterable[Any], notes: Notes, shape: Shape = _ANY) -> list[Draft]:
    """Drafts of rows in the chat manner: role, text, times, and tools in any of the usual spellings."""
    drafts: list[Draft] = []
    for number, value in enumerate(rows, start=1):
        drafts += read_row(as_row(value, number), number, notes, shape)
    return drafts


def read_row(row: Row, number: int, notes: Notes, shape: Shape = _ANY) -> list[Draft]:
    name = first(row, shape.role)
    role = role_of(name)
    start = moment(first(row, shape.start), number, notes)
    end = moment(first(row, shape.end), number, notes)
    times = (start, end)
    if role is Role.TOOL_CALL:
        found = _listed(row, "tool_calls", "toolCalls") or [_data(row, number)]
        return _tool_drafts(role, found, row, number, times, notes)
    if role is Role.TOOL_RESULT:
        found = _listed(row, "tool_results", "results") or [_data(row, number)]
        return _tool_drafts(role, found, row, number, times, notes)
    text = text_of(first(row, shape.text), notes, number)
    calls = _listed(row, "tool_calls", "toolCalls")
    legacy = row.get("function_call")
    if not calls and isinstance(legacy, dict):
        calls = [legacy]
    drafts = [Draft(number, name, role, text, start, end, None, row_id(row))]
    drafts += _tool_drafts(Role.TOOL_CALL, calls, {}, number, times, notes)
    drafts += _tool_drafts(Role.TOOL_RESULT, _listed(row, "tool_results"), {}, number, times, notes)
    if len(drafts) > 1 and not drafts[0].text:
        del drafts[0]  # the row only carried tools
    return drafts


def first(row: Row, keys: tuple[str, ...]) -> Any:
    """The value of the first key that holds something, None without one."""
    for key in keys:
        value = row.get(key)
        if value is not None:
            return value
    return None


def moment(value: Any, row: int, notes: Notes) -> Moment | None:
    """The moment, or None with a note where the value is unusable."""
    found = read_moment(value)
    if isinstance(found, str):
        notes.add(found, row)
        return None
    return found


def row_id(row: Row) -> str:
    value = first(row, _ROW_ID_KEYS)
    return (
        clean(value)
        if isinstance(value, str)
        else str(value)
        if type(value) is int and abs(value) < 1e18
        else ""
    )


def tool_in(source: Row, role: Role, row: int) -> Tool:
    """The tool event of an object in any spelling that the providers use."""
    function = source.get("function")
    inner = function if isinstance(function, dict) else source
    name = first(source, _NAME_KEYS) or first(inner, _NAME_KEYS)
    result = first(source, _RESULT_KEYS) if role is Role.TOOL_RESULT else source.get("result")
    error = source.get("error")
    if role is Role.TOOL_RESULT and result is None and error not in (None, False, ""):
        result = error
    return Tool(
        id=json_text(first(source, _CALL_ID_KEYS), row, "id"),
        name=json_text(name, row, "name"),
        arguments=json_text(first(inner, _ARGUMENT_KEYS), row, "arguments"),
        result=json_text(result, row, "result"),
        is_error=_is_error(source),
    )


def _is_error(source: Row) -> bool | None:
    for key in ("is_error", "isError"):
        if isinstance(source.get(key), bool):
            return bool(source[key])
    for key in ("successful", "success"):
        if isinstance(source.get(key), bool):
            return not source[key]
    return None


def _tool_drafts(
    role: Role,
    sources: list[Any],
    row: Row,
    number: int,
    times: tuple[Moment | None, Moment | None],
    notes: Notes,
) -> list[Draft]:
    """One draft for each tool; the words of `row` (empty where they are a turn already) go to the first."""
    text = text_of(first(row, ("content", "message")), notes, number)
    drafts: list[Draft] = []
    for source in sources:
        if not isinstance(source, dict):
            raise TranscriptError(f"expected a tool as an object, found {kind_of(source)}.", row=number)
        tool = tool_in(source, role, number)
        if role is Role.TOOL_RESULT and source is row:
            text = ""  # the row's words are the result itself
        elif role is Role.TOOL_RESULT and text and not tool.result:
            tool, text = replace(tool, result=text), ""
        drafts.append(Draft(number, role.value, role, text, times[0], times[1], tool))
        text = ""
    return drafts


def _data(row: Row, number: int) -> Row:
    """The tool's own object: `data` (some clients send it as JSON text), or else the row."""
    data = row.get("data")
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise TranscriptError("expected an object, found a text.", row=number, key="data") from error
    if data is None:
        return row
    if not isinstance(data, dict):
        raise TranscriptError(f"expected an object, found {kind_of(data)}.", row=number, key="data")
    return data


def _listed(row: Row, *keys: str) -> list[Any]:
    found = first(row, keys)
    return found if isinstance(found, list) else []
