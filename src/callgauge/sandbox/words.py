"""The words of this package: limits, what a script may ask of a judge, and what came of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use. Every field can be set."""

    cpu_secs: float = 5.0
    wall_secs: float = 30.0
    """Of the script's own time: the clock stands still while a judge is asked."""
    memory_bytes: int = 256 * MIB
    """Beyond what the interpreter itself occupies; the call's data counts."""
    result_bytes: int = MIB
    """Result, explanation and extra together, as JSON."""
    printed_chars: int = 10_000
    """What is printed beyond this is cut off; it is no error."""
    judge_calls: int = 10
    script_bytes: int = 200_000
    data_bytes: int = 32 * MIB
    """As JSON. An hour of talk with word times is about 2 MiB."""


@dataclass(frozen=True, slots=True)
class JudgeAsk:
    """One `evaluate_llm_judge_metric(...)` of a script, checked."""

    data: Mapping[str, Any]
    """The host's own copy of what the script was given, never the script's."""
    description: str
    eval_type: str
    enum_values: Sequence[str]
    audio: bool
    audio_start_secs: float | None
    audio_end_secs: float | None


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """What the script gets back as `{"result": …, "explanation": […]}`."""

    result: Any
    explanation: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class JudgeFailed:
    """The judge gave no answer. It ends the evaluation: a script cannot turn it into a score."""

    code: str
    message: str
    retryable: bool


JudgeReply = JudgeVerdict | JudgeFailed


class Code(StrEnum):
    """Why an evaluation failed."""

    SYNTAX = "syntax_error"
    SCRIPT = "script_error"
    MODULE = "module_not_allowed"
    UNSUPPORTED = "unsupported_python"
    """The restricted interpreter does not know a construct that Python has."""
    NO_RESULT = "no_result"
    BAD_RESULT = "bad_result"
    RESULT_TOO_LARGE = "result_too_large"
    CPU = "cpu_limit"
    WALL = "wall_limit"
    MEMORY = "memory_limit"
    JUDGE_BUDGET = "judge_budget"
    NO_JUDGE = "no_judge"
    FORBIDDEN = "forbidden"
    """The kernel ended the script for a system call that only an attack makes."""
    CRASHED = "crashed"
    MALFORMED = "malformed_answer"
    SCRIPT_TOO_LARGE = "script_too_large"
    DATA_TOO_LARGE = "data_too_large"
    SANDBOX_LOST = "sandbox_lost"
    """The machinery failed, not the script."""


@dataclass(frozen=True, slots=True)
class ScriptOk:
    """The script set its result: plain JSON values, finite, free of NUL and lone surrogates."""

    result: Any
    explanation: Sequence[str]
    extra: Mapping[str, Any] | None
    printed: str = ""
    judge_calls: int = 0


@dataclass(frozen=True, slots=True)
class ScriptFailed:
    """The script has no result. `message` is for the metric's author and may quote the call: never log it."""

    code: str
    """A `Code`, or the code of the `JudgeFailed` that ended it."""
    message: str
    line: int | None = None
    """1-based, in the author's text."""
    retryable: bool = False
    printed: str = ""
    judge_calls: int = 0


ScriptResult = ScriptOk | ScriptFailed


@dataclass(frozen=True, slots=True)
class Job:
    """What a backend is handed: checked, and the data already as JSON text."""

    script: str
    data: Mapping[str, Any]
    data_json: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backend enforces on this host, for people: name -> what it says."""

    backend: str
    enforced: Mapping[str, str] = field(default_factory=dict)
