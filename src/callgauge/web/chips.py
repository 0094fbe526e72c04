"""Outcomes told apart at a glance: each has its own sign and its own words beside its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import FailureCode, SkipReason
from callgauge.store.models import ResultOutcome
from callgauge.store.result_queries import BriefRow, ResultRow, ReviewRow
from callgauge.web import words
from callgauge.web.icons import icon

SKIP_WORDS: dict[str, str] = {
    SkipReason.SAMPLED_OUT: "Not in the sample of calls that this metric measures.",
    SkipReason.TRIGGER_NOT_MET: "The metric's trigger was not met on this call.",
    SkipReason.NOT_APPLICABLE: "The metric does not apply to this call.",
    SkipReason.NO_RECORDING: "The metric needs a recording, and this call has none.",
    SkipReason.MONO_RECORDING: "The metric needs a recording with a channel for each side.",
    SkipReason.NO_JUDGE: "No judge is set. Set one with CALLGAUGE_JUDGE and measure the call again.",
    SkipReason.NO_SANDBOX: "Python metrics cannot be run on this host; see the server's log.",
    SkipReason.NO_TIMES: "The transcript has no times.",
    SkipReason.NO_TRANSCRIPT: "The call has no transcript.",
    SkipReason.NOT_CONFIGURED: "The metric lacks a setting that it needs.",
    SkipReason.DISABLED: "The metric is switched off.",
}
FAILURE_WORDS: dict[str, str] = {
    FailureCode.JUDGE_UNAVAILABLE: "The judge could not be reached.",
    FailureCode.JUDGE_REFUSED: "The judge refused the request.",
    FailureCode.JUDGE_INVALID_ANSWER: "The judge gave no usable answer, however often it was asked.",
    FailureCode.JUDGE_INTERRUPTED: "The server stopped before the answer came.",
    FailureCode.MISSING_VARIABLE: "The metric's wording names a variable that this call does not have.",
    FailureCode.BAD_CONFIGURATION: "The metric's settings cannot be used.",
    FailureCode.SCRIPT_ERROR: "The metric's script raised an error.",
    FailureCode.SCRIPT_LIMIT: "The metric's script used more time or memory than it may.",
    FailureCode.INTERNAL_ERROR: "The server failed here; its log says why.",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A small sign after a chip; it has words for whoever does not see it."""

    icon: str
    words: str


@dataclass(frozen=True, slots=True)
class Chip:
    """`kind` is the class and the icon; `text` is what is read; `why` is shown on hover and read after it."""

    kind: str
    text: str
    why: str = ""
    marks: tuple[Mark, ...] = ()
    live: bool = False
    """Only while work on it is really under way."""


PASS = Chip("pass", "pass")
FAIL = Chip("fail", "fail")
LOW_TRUST = Mark("low_trust", "Low trust: the judge's quotes or repeated answers do not support it well")
REVIEWED = Mark("reviewed", "Reviewed by a person")
STALE = Mark("stale", "Older result: the last attempt to measure this failed")


def pending(*, live: bool, why: str = "Waits to be measured.") -> Chip:
    return Chip("pending", "pending", "Being measured now." if live else why, live=live)


def verdict_chip(status: str, error: str | None = None) -> Chip:
    """Of a call's outcome, by the words of the API's `status`."""
    match status:
        case "success":
            return PASS
        case "failure":
            return FAIL
        case "reviewed_success":
            return Chip("pass", "pass", marks=(REVIEWED,))
        case "reviewed_failure":
            return Chip("fail", "fail", marks=(REVIEWED,))
        case "evaluating":
            return pending(live=True)
        case "error":
            return Chip("failed", "could not be decided", error or "A metric that the rubric needs failed.")
        case _:
            return Chip("skipped", "not measured", "This call was not measured yet.")


def result_chip(
    row: ResultRow | BriefRow,
    review: ReviewRow | None = None,
    *,
    superseded: bool = False,
    live: bool = False,
    unit: str = "",
) -> Chip:
    """What counts for a metric on a call: a person's value where there is one, else the machine's."""
    if superseded:
        return pending(live=live, why="An earlier result is there; the metric is being measured again.")
    marks = tuple(
        mark
        for mark, there in (
            (LOW_TRUST, row.low_trust),
            (STALE, row.is_stale),
            (REVIEWED, review is not None),
        )
        if there
    )
    if review is not None and review.has_expected_value:
        return said_chip(review.expected_value, EvalType(row.eval_type), marks, unit)
    return machine_chip(row, marks, unit)


def machine_chip(row: Any, marks: tuple[Mark, ...] = (), unit: str = "") -> Chip:
    """Of any row that has a result's outcome, reason, passed, number and label."""
    match ResultOutcome(row.outcome):
        case ResultOutcome.SKIPPED if row.reason == SkipReason.NOT_APPLICABLE:
            return Chip("not_applicable", "not applicable", SKIP_WORDS[row.reason], marks)
        case ResultOutcome.SKIPPED:
            return Chip("skipped", "skipped", SKIP_WORDS.get(row.reason, row.reason), marks)
        case ResultOutcome.FAILED:
            return Chip("failed", "not computed", FAILURE_WORDS.get(row.reason, row.reason), marks)
        case ResultOutcome.SCORED:
            return value_chip(row.passed, row.number, row.label, marks, unit)


def value_chip(
    passed: bool | None, number: float | None, label: str | None, marks: tuple[Mark, ...] = (), unit: str = ""
) -> Chip:
    if passed is not None:
        return Chip("pass" if passed else "fail", "pass" if passed else "fail", marks=marks)
    if number is not None:
        return Chip("number", words.number(number, unit), marks=marks)
    return Chip("label", label or "(no label)", marks=marks)


def said_chip(said: Any, eval_type: EvalType, marks: tuple[Mark, ...] = (), unit: str = "") -> Chip:
    """Of a value that a person gave; None says that the metric does not apply."""
    if said is None:
        return Chip("not_applicable", "not applicable", "A reviewer said so.", marks)
    if isinstance(said, bool):
        return value_chip(said, None, None, marks)
    if isinstance(said, (int, float)):
        return value_chip(None, float(said), None, marks, unit or unit_of(eval_type))
    return value_chip(None, None, str(said), marks)


def unit_of(eval_type: str, function_name: str = "") -> str:
    """What a number counts, where that is known."""
    if eval_type == EvalType.RATING:
        return "of 5"
    return "ms" if "latency" in function_name else ""


def chip_html(chip: Chip) -> SafeString:
    """Made here and not by a template: a list shows a thousand of them."""
    marks = format_html_join(
        "",
        '<span class="chip-mark" title="{}">{}<span class="hidden">, {}</span></span>',
        ((mark.words, icon(mark.icon), mark.words) for mark in chip.marks),
    )
    why = format_html('<span class="hidden">: {}</span>', chip.why) if chip.why else ""
    return format_html(
        '<span class="chip chip-{}{}"{}>{}<span class="chip-text">{}</span>{}{}</span>',
        chip.kind,
        " live" if chip.live else "",
        format_html(' title="{}"', chip.why) if chip.why else "",
        icon(chip.kind),
        chip.text,
        why,
        marks,
    )
