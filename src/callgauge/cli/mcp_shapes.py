"""Answers in the size that an assistant can read: the wire's objects, cut down, and what was cut is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_TEXT_CHARS: Final = 1_000
"""Of one explanation, turn or note."""
MAX_ITEMS: Final = 20
"""Of a list in an answer that is not in pages."""
MAX_PROMPT_CHARS: Final = 8_000

Json = Mapping[str, Any]


def call_line(call: Json) -> dict[str, Any]:
    """A call in a list: who, when, how it went."""
    return {
        **{name: call[name] for name in ("id", "call_id", "agent", "timestamp", "duration", "status")},
        "ended": call["call_ended_reason"],
        "metrics": {row["name"]: value_of(row) for row in call["evaluation"]["metrics"]},
    }


def value_of(row: Json) -> Any:
    """The value where there is one; otherwise the outcome and its reason, never a blank."""
    extra = row["extra"]
    if extra["outcome"] == "scored":
        given = (row["passed"], row["enum"], row["score"])
        return next((one for one in given if one is not None), None)
    return f"{extra['outcome']}: {extra.get('reason') or extra.get('code')}"


def result(row: Json) -> dict[str, Any]:
    extra = row["extra"]
    shown: dict[str, Any] = {
        "metric_id": row["id"],
        "metric": row["name"],
        "value": value_of(row),
        "explanation": cut(" ".join(map(str, row["explanation"])), MAX_TEXT_CHARS),
        "version": extra["metric_version"],
    }
    for name in ("low_trust", "stale", "superseded", "review", "evidence"):
        if extra.get(name):
            shown[name] = extra[name]
    return shown


def turns(found: Sequence[Json], first: int, count: int) -> dict[str, Any]:
    part = found[first : first + count]
    shown = {
        "turns": [
            {
                "turn": first + place,
                "role": turn.get("role"),
                "secs": turn.get("start_time"),
                "text": cut(str(turn.get("content") or ""), MAX_TEXT_CHARS),
            }
            for place, turn in enumerate(part)
        ],
        "turns_in_all": len(found),
    }
    if first + len(part) < len(found):
        shown["cut"] = f"The transcript goes on: ask again with first_turn={first + len(part)}."
    return shown


def metric_line(metric: Json) -> dict[str, Any]:
    shown = {name: metric.get(name) for name in ("id", "slug", "name", "type", "eval_type")}
    return shown | {"description": cut(str(metric.get("description") or ""), 300)}


def metric_whole(metric: Json) -> dict[str, Any]:
    names = ("id", "slug", "name", "project", "agents", "type", "eval_type", "enum_values")
    shown = {name: metric.get(name) for name in (*names, "evaluation_trigger", "evaluation_trigger_prompt")}
    for name in ("description", "custom_code"):
        shown[name] = cut(str(metric.get(name) or ""), MAX_PROMPT_CHARS)
    return {name: value for name, value in shown.items() if value not in (None, "", [])}


def page(answer: Json, rows: Sequence[Any], number: int, size: int) -> dict[str, Any]:
    pages = max(1, -(-int(answer["count"]) // size))
    shown = {"count": answer["count"], "page": number, "pages": pages, "results": list(rows)}
    if number < pages:
        shown["cut"] = f"{answer['count']} in all: ask again with page={number + 1}, or narrow it."
    return shown


def shortened(value: Any) -> Any:
    """The same with long texts and lists cut, wherever they stand; beside a cut list, how long it was."""
    if isinstance(value, str):
        return cut(value, MAX_TEXT_CHARS)
    if isinstance(value, list):
        return [shortened(one) for one in value[:MAX_ITEMS]]
    if not isinstance(value, dict):
        return value
    shown = {name: shortened(one) for name, one in value.items()}
    for name, one in value.items():
        if isinstance(one, list) and len(one) > MAX_ITEMS:
            shown[f"{name}_cut"] = f"{MAX_ITEMS} of {len(one)}"
    return shown


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"
