"""Tool Call Success: no tool result of the call reports an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from callgauge.domain.calls import Call, Role, Turn
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Evidence, Scored, Skipped, SkipReason, Value

QUOTE_CHARS = 200
"""Characters of a failed result that are shown as evidence."""

_ERROR_KEYS = ("error", "errors", "error_message", "errorMessage", "exception")
_SUCCESS_KEYS = ("success", "succeeded", "ok")
_FLAG_KEYS = ("is_error", "isError")
_STATUS_KEYS = ("status", "status_code", "statusCode", "http_status")
_STATUS_WORDS = frozenset({"error", "failed", "failure"})
_WRAPPER_KEYS = ("result", "response", "body", "output")
"""Keys under which tool platforms wrap the tool's own answer; looked into, one in another, MAX_WRAPS deep."""
MAX_WRAPS = 3

_PREFIX = re.compile(
    r"\s*(?:traceback\b|[\w.]{0,60}(?:error|exception)(?:\s*$|\b[^:\n]{0,60}:|\s+[-–—])|(?:fatal|failed|failure)\s*:)",
    re.IGNORECASE,
)
_STATUS_LINE = re.compile(
    r"\s*(?:HTTP(?:/\d(?:\.\d)?)?\s+|error\s+)?([45]\d\d)\b\W*([A-Za-z '-]*)", re.IGNORECASE
)
_PHRASES = {status.value: status.phrase.casefold() for status in HTTPStatus if status.value >= 400}
_NOTHING = frozenset({"", "none", "null", "false", "no", "0", "no error"})


def score(call: Call, _spec: MetricSpec) -> Scored | Skipped:
    """Binary. Skipped as not applicable where the call has no tool results."""
    results = [(i, turn) for i, turn in enumerate(call.turns) if turn.role is Role.TOOL_RESULT]
    asked = sum(turn.role is Role.TOOL_CALL for turn in call.turns)
    if not results:
        note = (
            f"The agent called tools ({asked} calls), but the transcript has no result of any."
            if asked
            else "The agent used no tools in this call."
        )
        return Skipped(SkipReason.NOT_APPLICABLE, (note,))
    names = _names(call)
    reasons = [(i, turn, fault_of(turn)) for i, turn in results]
    faults = [(i, turn, why) for i, turn, why in reasons if why is not None]
    failed: list[dict[str, object]] = [
        {"name": names.get(i, ""), "turn": i, "start_secs": turn.start_secs, "why": why}
        for i, turn, why in faults
    ]
    return Scored(
        Value(passed=not faults),
        explanation=_explained(len(results), failed),
        evidence=tuple(
            Evidence(_result(turn)[:QUOTE_CHARS], i, turn.start_secs, found=True) for i, turn, _ in faults
        ),
        extra={
            "source": "transcript",
            "tool_calls": asked,
            "tool_results": len(results),
            "failed_tools": failed,
        },
    )


def _explained(total: int, failed: list[dict[str, object]]) -> tuple[str, ...]:
    if not failed:
        return (f"None of the {total} tool results reports an error.",)
    lines = [f"{len(failed)} of {total} tool results report an error."]
    lines += [f"{item['name'] or 'A tool'} failed: {item['why']}." for item in failed]
    return tuple(lines)


def _names(call: Call) -> dict[int, str]:
    """Names of the results' tools by turn; a result without a name takes that of the call with its id."""
    by_id = {t.tool.id: t.tool.name for t in call.turns if t.tool and t.role is Role.TOOL_CALL and t.tool.id}
    return {
        i: turn.tool.name or by_id.get(turn.tool.id, "") for i, turn in enumerate(call.turns) if turn.tool
    }


def fault_of(turn: Turn) -> str | None:
    """Why a tool result counts as an error, without any of its text; None where it does not."""
    if turn.tool is not None and turn.tool.is_error:
        return "the provider marked it as an error"
    text = _result(turn)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _fault_in_text(text)
    return _fault_in_json(parsed, MAX_WRAPS)


def _result(turn: Turn) -> str:
    return (turn.tool.result if turn.tool else "") or turn.text


def _fault_in_text(text: str) -> str | None:
    if _PREFIX.match(text):
        return "its text begins as an error message"
    status = _STATUS_LINE.match(text)
    if status is not None:
        phrase = _PHRASES.get(int(status[1]))
        bare = not text[status.end(1) :].strip()
        if phrase is not None and (bare or status[2].strip().casefold().startswith(phrase)):
            return f"its text is the HTTP status {status[1]}"
    return None


def _fault_in_json(value: object, wraps: int) -> str | None:
    if isinstance(value, str):
        return _fault_in_text(value)
    if not isinstance(value, Mapping):
        return None
    for key in _ERROR_KEYS:
        if key in value and _says_something(value[key]):
            return f'it has the key "{key}"'
    for key in _SUCCESS_KEYS:
        if value.get(key) is False or _word(value.get(key)) == "false":
            return f'"{key}" is false'
    for key in _FLAG_KEYS:
        if value.get(key) is True or _word(value.get(key)) == "true":
            return f'"{key}" is true'
    for key in _STATUS_KEYS:
        status = _word(value.get(key))
        if status in _STATUS_WORDS or re.fullmatch(r"[45]\d\d", status):
            return f'"{key}" is {status}'
    for key in _WRAPPER_KEYS if wraps else ():
        fault = _fault_in_json(value.get(key), wraps - 1)
        if fault is not None:
            return fault
    return None


def _says_something(value: object) -> bool:
    """`"error": null`, `false`, `0`, `""` and empty lists say that there was no error."""
    return value.strip().casefold() not in _NOTHING if isinstance(value, str) else bool(value)


def _word(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).strip().casefold()
