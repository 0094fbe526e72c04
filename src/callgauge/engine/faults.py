"""What keeps a scorer from giving a value.

EngineError
├── MissingVariable       the description uses a variable that this call does not have
├── BadConfiguration      the metric as set up cannot be asked of any call
└── InvalidAnswer         retryable: the judge's value does not fit the metric's eval type

Faults of the judge itself are `domain.judging.JudgeError`.
"""

from __future__ import annotations

from callgauge.domain.outcomes import FailureCode

_MAX_SHOWN = 60
"""Characters of a judge's unusable value in a message."""


class EngineError(Exception):
    """The metric could not be computed."""

    code = FailureCode.INTERNAL_ERROR
    retryable = False


class MissingVariable(EngineError):
    """The description uses a variable that this call does not have."""

    code = FailureCode.MISSING_VARIABLE

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {{{{{name}}}}} does not exist for this call.")
        self.name = name


class BadConfiguration(EngineError):
    """The metric as set up cannot be asked of any call."""

    code = FailureCode.BAD_CONFIGURATION


class InvalidAnswer(EngineError):
    """The judge's value does not fit the metric's eval type."""

    code = FailureCode.JUDGE_INVALID_ANSWER
    retryable = True

    def __init__(self, demand: str, given: object) -> None:
        shown = repr(given)
        shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN - 1]}…"
        super().__init__(f"{demand} The judge gave {shown}.")
        self.demand = demand
        """What the value must be. It alone is told to the judge when it is asked again: what was given may
        have been dictated by the call."""
