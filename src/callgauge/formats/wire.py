"""Turns as rows of `transcript_object`, and back: also the stored form, so it is exact and quick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.formats.errors import TranscriptError

_ROLES = {role.value: role for role in Role}


def to_wire(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Rows {role, content, time, start_time, end_time} with `data` where a tool is concerned.

    `start_time` and `end_time` are seconds or None; `time` is "M:SS" (minutes run past 59) or "".
    """
    return [_row(turn) for turn in turns]


def _row(turn: Turn) -> dict[str, Any]:
    start = turn.start_secs
    row: dict[str, Any] = {
        "role": turn.role.value,
        "content": turn.text,
        "time": "" if start is None else f"{int(start) // 60}:{int(start) % 60:02d}",
        "start_time": start,
        "end_time": turn.end_secs,
    }
    if turn.tool is not None:
        row["data"] = _data(turn.role, turn.tool)
    return row


def _data(role: Role, tool: Tool) -> dict[str, Any]:
    data: dict[str, Any] = {"id": tool.id, "name": tool.name}
    if tool.arguments or role is Role.TOOL_CALL:
        data["arguments"] = tool.arguments
    if tool.result or role is Role.TOOL_RESULT:
        data["result"] = tool.result
    if tool.is_error is not None:
        data["is_error"] = tool.is_error
    return data


def from_wire(rows: Iterable[dict[str, Any]]) -> tuple[Turn, ...]:
    """The turns that `to_wire` made these rows of. Foreign rows go through `parse_transcript` instead.

    Raises TranscriptError for a row that `to_wire` cannot have written.
    """
    turns: list[Turn] = []
    for number, row in enumerate(rows, start=1):
        try:
            data = row.get("data")
            tool = None if data is None else _tool(data)
            turns.append(Turn(_ROLES[row["role"]], row["content"], row["start_time"], row["end_time"], tool))
        except (KeyError, TypeError, AttributeError) as error:
            raise TranscriptError("not a stored turn.", row=number) from error
    return tuple(turns)


def _tool(data: dict[str, Any]) -> Tool:
    return Tool(
        data["id"], data["name"], data.get("arguments", ""), data.get("result", ""), data.get("is_error")
    )
