"""Where a script's question to a judge is checked, counted, asked and timed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from callgauge.sandbox.errors import ScriptStopped
from callgauge.sandbox.values import clean
from callgauge.sandbox.verdicts import failed
from callgauge.sandbox.words import Code, Job, JudgeAsk, JudgeFailed, JudgeReply, ScriptFailed, ScriptResult

AskJudge = Callable[[JudgeAsk], JudgeReply]

EVAL_TYPES = (
    "binary",
    "binary_workflow_adherence",
    "binary_qualitative",
    "continuous_qualitative",
    "numeric",
    "enum",
)

_DESCRIPTION_CHARS = 50_000
_ENUM_VALUES = 200
_ENUM_CHARS = 500


class AskRefused(Exception):
    """The question is not one that can be asked; the script gets it as a ValueError."""


class JudgeDesk:
    """For one evaluation. `spent_secs` is what the judge took: it is not the script's time."""

    def __init__(self, job: Job, ask_judge: AskJudge | None) -> None:
        self._job = job
        self._ask_judge = ask_judge
        self.calls = 0
        self.spent_secs = 0.0

    def answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """`{"result", "explanation"}`. Raises AskRefused, or ScriptStopped when the evaluation must end."""
        if self._ask_judge is None:
            raise ScriptStopped(failed(Code.NO_JUDGE, self._job))
        ask = self._checked(asked)
        if self.calls >= self._job.limits.judge_calls:
            raise ScriptStopped(failed(Code.JUDGE_BUDGET, self._job))
        self.calls += 1
        started = time.monotonic()
        try:
            reply = self._ask_judge(ask)
        finally:
            self.spent_secs += time.monotonic() - started
        if isinstance(reply, JudgeFailed):
            raise ScriptStopped(ScriptFailed(reply.code, reply.message, None, reply.retryable))
        return {"result": clean(reply.result), "explanation": [str(item) for item in reply.explanation]}

    def counted(self, result: ScriptResult) -> ScriptResult:
        """The result with the number of judge calls that were made for it."""
        return replace(result, judge_calls=self.calls)

    def _checked(self, asked: Mapping[str, Any]) -> JudgeAsk:
        description = _text(asked.get("description"), "description", _DESCRIPTION_CHARS)
        if not description.strip():
            raise AskRefused("evaluate_llm_judge_metric needs a description")
        eval_type = asked.get("eval_type")
        if eval_type not in EVAL_TYPES:
            raise AskRefused(f"eval_type must be one of {', '.join(EVAL_TYPES)}")
        values = asked.get("enum_values") or []
        if not isinstance(values, list) or len(values) > _ENUM_VALUES:
            raise AskRefused(f"enum_values must be a list of at most {_ENUM_VALUES} texts")
        labels = [_text(value, "enum_values", _ENUM_CHARS) for value in values]
        if eval_type == "enum" and not labels:
            raise AskRefused("eval_type enum needs enum_values")
        if not isinstance(asked.get("audio"), bool):
            raise AskRefused("audio must be True or False")
        start = _secs(asked.get("audio_start_time"), "audio_start_time")
        end = _secs(asked.get("audio_end_time"), "audio_end_time")
        if start is not None and end is not None and end <= start:
            raise AskRefused("audio_end_time must be after audio_start_time")
        return JudgeAsk(self._job.data, description, eval_type, labels, asked["audio"], start, end)


def _text(value: Any, name: str, max_chars: int) -> str:
    if not isinstance(value, str) or len(value) > max_chars:
        raise AskRefused(f"{name} must be text of at most {max_chars} characters")
    cleaned = clean(value)
    assert isinstance(cleaned, str)
    return cleaned


def _secs(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise AskRefused(f"{name} must be a number of seconds from the start of the call")
    return float(value)
