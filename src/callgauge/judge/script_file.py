"""The file of the scripted judge; docs/judges.md shows the format."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgauge.judge.settings import JudgeSettingError

ANY = "*"
_FILE_FIELDS = ("answers", "default", "base", "latency_ms")
_RULE_FIELDS = ("metric", "call_id", "contains", "answer", "note")


@dataclass(frozen=True, slots=True)
class Rule:
    metrics: Sequence[str]
    call_ids: Sequence[str]
    contains: Sequence[str]
    """Texts that must all stand in the question, whatever their case."""
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    rules: Sequence[Rule]
    default: Mapping[str, Any] | None
    latency_ms: float


def read_script(path: Path) -> Script:
    """Raises JudgeSettingError with the file and the line or field that is wrong."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JudgeSettingError(f"{path}: no valid JSON at {place}: {error.msg}") from None
    except UnicodeDecodeError:
        raise JudgeSettingError(f"{path}: the file is not UTF-8 text") from None
    except OSError as error:
        raise JudgeSettingError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return parse_script(document)
    except JudgeSettingError as error:
        raise JudgeSettingError(f"{path}: {error}") from None


def parse_script(document: Any) -> Script:
    """Raises JudgeSettingError that starts with the faulty field."""
    whole = _object(document, "the file", _FILE_FIELDS)
    base = _object(whole.get("base", {}), "base")
    rules = whole.get("answers", [])
    if not isinstance(rules, list):
        raise JudgeSettingError("answers: must be a list")
    default = whole.get("default")
    return Script(
        rules=[_rule(rule, f"answers[{index}]", base) for index, rule in enumerate(rules)],
        default=None if default is None else {**base, **_object(default, "default")},
        latency_ms=_latency_ms(whole.get("latency_ms", 0)),
    )


def _rule(value: Any, place: str, base: Mapping[str, Any]) -> Rule:
    rule = _object(value, place, _RULE_FIELDS)
    if "answer" not in rule:
        raise JudgeSettingError(f"{place}: lacks 'answer'")
    return Rule(
        metrics=_texts(rule.get("metric", ANY), f"{place}.metric"),
        call_ids=_texts(rule.get("call_id", ANY), f"{place}.call_id"),
        contains=_texts(rule.get("contains", []), f"{place}.contains"),
        answer={**base, **_object(rule["answer"], f"{place}.answer")},
    )


def _object(value: Any, place: str, known: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise JudgeSettingError(f"{place}: must be an object in braces")
    unknown = [key for key in value if known and key not in known]
    if unknown:
        raise JudgeSettingError(f"{place}: unknown field {unknown[0]!r}; known are {', '.join(known)}")
    return value


def _texts(value: Any, place: str) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise JudgeSettingError(f"{place}: must be a text in quotes, or a list of such texts")
    return texts


def _latency_ms(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise JudgeSettingError("latency_ms: must be a number of 0 or more")
    return float(value)
