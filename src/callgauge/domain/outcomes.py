"""What came of one metric on one call: scored, skipped or failed, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SkipReason(StrEnum):
    """Why a metric was not computed although nothing went wrong."""

    SAMPLED_OUT = "sampled_out"
    TRIGGER_NOT_MET = "trigger_not_met"
    NOT_APPLICABLE = "not_applicable"
    NO_RECORDING = "no_recording"
    MONO_RECORDING = "mono_recording"
    POOR_RECORDING = "poor_recording"
    NO_VOICE = "no_voice"
    RECORDING_TOO_LONG = "recording_too_long"
    NO_AUDIO_JUDGE = "no_audio_judge"
    NO_REFERENCE = "no_reference"
    NO_JUDGE = "no_judge"
    NO_SANDBOX = "no_sandbox"
    NO_TIMES = "no_times"
    NO_TRANSCRIPT = "no_transcript"
    NOT_CONFIGURED = "not_configured"
    DISABLED = "disabled"


class FailureCode(StrEnum):
    """Why a metric could not be computed; each says whether trying again could help."""

    JUDGE_UNAVAILABLE = "judge_unavailable"
    JUDGE_REFUSED = "judge_refused"
    JUDGE_INVALID_ANSWER = "judge_invalid_answer"
    JUDGE_INTERRUPTED = "judge_interrupted"
    MISSING_VARIABLE = "missing_variable"
    BAD_CONFIGURATION = "bad_configuration"
    RECORDING_UNAVAILABLE = "recording_unavailable"
    RECORDING_UNUSABLE = "recording_unusable"
    AUDIO_FAILED = "audio_failed"
    SPEECH_TO_TEXT_FAILED = "speech_to_text_failed"
    SCRIPT_ERROR = "script_error"
    SCRIPT_LIMIT = "script_limit"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one or several judge requests consumed."""

    requests: int = 0
    """Those that were answered, and so billed; usable answers or not."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """The part of the input tokens that came from the provider's cache."""
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known: an unknown cost is not a zero."""
    unpriced_requests: int = 0
    """Those whose price is not known: above 0, `cost_usd` is the least that it can have been."""

    def __post_init__(self) -> None:
        if self.cost_usd is None:
            object.__setattr__(self, "unpriced_requests", self.requests)

    def __add__(self, other: Usage) -> Usage:
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=sum(costs) if costs else None,
            unpriced_requests=self.unpriced_requests + other.unpriced_requests,
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage of the transcript that a verdict rests on."""

    quote: str
    turn: int | None = None
    """Index into the call's turns, None where the quote was not found."""
    start_secs: float | None = None
    found: bool = True


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value; exactly one of the three fields is set."""

    passed: bool | None = None
    number: float | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if sum(field is not None for field in (self.passed, self.number, self.label)) != 1:
            raise ValueError("a value is a verdict, a number or a label, exactly one of them")

    @property
    def plain(self) -> bool | float | str:
        if self.passed is not None:
            return self.passed
        if self.number is not None:
            return self.number
        assert self.label is not None
        return self.label


@dataclass(frozen=True, slots=True)
class Scored:
    value: Value
    explanation: Sequence[str] = ()
    evidence: Sequence[Evidence] = ()
    low_trust: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    judge_model: str = ""
    prompt_hash: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    reason: SkipReason
    explanation: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    judge_model: str = ""
    prompt_hash: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    code: FailureCode
    explanation: Sequence[str] = ()
    retryable: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    judge_model: str = ""
    prompt_hash: str = ""


Outcome = Scored | Skipped | Failed
