"""One question about one call, asked of a language model: the request, and what its answer means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeGuard, assert_never

from callgauge.domain.calls import Call, Role, clock, said
from callgauge.domain.judging import JudgeAnswer, JudgeRequest, Message
from callgauge.domain.metrics import EvalType, MetricSpec, Trigger
from callgauge.domain.outcomes import Evidence, Scored, Skipped, SkipReason, Value
from callgauge.engine.faults import BadConfiguration, InvalidAnswer
from callgauge.engine.fence import Fence, fence_for
from callgauge.engine.forms import Reading, form_of
from callgauge.engine.prompt_files import prompt as _prompt
from callgauge.engine.quotes import QuoteFinder
from callgauge.engine.variables import render

SCHEMA_NAME = "call_measurement"
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        # The order matters: a model that gives its verdict first defends it instead of weighing the evidence.
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"turn": {"type": "integer"}, "quote": {"type": "string"}},
                "required": ["turn", "quote"],
                "additionalProperties": False,
            },
        },
        "explanation": {"type": "array", "items": {"type": "string"}},
        "applicable": {"type": "boolean"},
        "value": {"type": ["boolean", "number", "string", "null"]},
    },
    "required": ["evidence", "explanation", "applicable", "value"],
    "additionalProperties": False,
}

MIN_RATING, MAX_RATING = 0.0, 5.0
MAX_EVIDENCE = 20
"""Quotes that are looked up; the prompt asks for 6, and each is searched in the whole transcript."""
_IN_TRANSCRIPT = "the transcript of the call above"


# --- asking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prefix:
    """What all questions about one call share: the fence and the messages before the question."""

    fence: Fence
    messages: tuple[Message, ...]


def call_prefix(call: Call) -> Prefix:
    """Worked out once per call: on a call of 200 turns it is nearly all the work of a request."""
    fence = fence_for(call)
    system = Message("system", _prompt("system").template.strip())
    return Prefix(fence, (system, Message("user", _call_text(call, fence), cacheable=True)))


def build_request(
    call: Call,
    spec: MetricSpec,
    *,
    prefix: Prefix | None = None,
    measured: str = "",
    fault: str = "",
    reasks: int | None = None,
) -> JudgeRequest:
    """The request for one metric. System text, schema and the message with the call are the same bytes for
    every metric of a call; the question comes last. `prefix` is the call's own, if it is at hand already;
    `measured` is what the analysis of the recording says; `fault` says what was wrong with an earlier answer;
    `reasks` is the request's own.

    Raises MissingVariable and BadConfiguration."""
    prefix = prefix or call_prefix(call)
    return JudgeRequest(
        messages=(*prefix.messages, Message("user", _question(call, spec, prefix.fence, measured, fault))),
        schema=SCHEMA,
        schema_name=SCHEMA_NAME,
        metric_name=spec.name,
        call_id=call.call_id,
        reasks=reasks,
    )


def _call_text(call: Call, fence: Fence) -> str:
    """The call as the judge reads it: measured facts, then the numbered turns inside the fence."""
    known = call.duration_secs is not None
    return (
        _prompt("call")
        .substitute(
            mark=fence.mark,
            duration=f"{clock(call.duration_secs)} minutes" if known else "an unknown time",
            turns=_counted(call),
            transcript=fence.block("transcript", _numbered(call)),
        )
        .strip()
    )


def _counted(call: Call) -> str:
    agent = sum(turn.role is Role.AGENT for turn in call.turns)
    caller = sum(turn.role is Role.CALLER for turn in call.turns)
    return (
        f"{len(call.turns)} turns, {agent} by the Main Agent, {caller} by the Testing Agent, "
        f"{len(call.turns) - agent - caller} others"
    )


def _numbered(call: Call) -> str:
    """`#3 [00:12] Testing Agent: …`. Further lines of a turn are set in, so that a line break inside a turn
    cannot pass for the start of another turn."""
    lines = []
    for number, turn in enumerate(call.turns, 1):
        time = f" [{clock(turn.start_secs)}]" if turn.start_secs is not None else ""
        words = "\n    | ".join(said(turn).splitlines()) or "(nothing)"
        lines.append(f"#{number}{time} {turn.role.value}: {words}")
    return "\n".join(lines)


def _question(call: Call, spec: MetricSpec, fence: Fence, measured: str, fault: str) -> str:
    def show(name: str, text: str) -> str:
        return _IN_TRANSCRIPT if name == "transcript" else fence.inline(name, text)

    question = render(spec.prompt.strip() or spec.description.strip(), call, show=show)
    if not question:
        raise BadConfiguration("The metric has no description to ask the judge.")
    applies = ""
    if spec.trigger is Trigger.CUSTOM and spec.trigger_type == "llm_judge":
        condition = render(spec.trigger_prompt.strip(), call, show=show)
        if not condition:
            raise BadConfiguration("The metric's trigger is custom, but has no condition.")
        applies = _prompt("applies").substitute(condition=condition)
    form = form_of(spec)
    material = form.material(call, spec, fence) if form is not None else ""
    material = "\n\n".join(filter(None, (material, measured)))
    value = _prompt(form.value_prompt).template if form is not None and form.value_prompt else ""
    asked = (
        _prompt("question")
        .substitute(
            question=question,
            applies=applies + (f"\n{material}\n" if material else ""),
            value=value.strip() or value_text(spec),
        )
        .strip()
    )
    return asked + (_prompt("asked_again").substitute(fault=fault).rstrip() if fault else "")


def trigger_question(spec: MetricSpec) -> str:
    """The description of the yes-or-no question whether a metric applies, for metrics that ask no judge."""
    if not spec.trigger_prompt.strip():
        raise BadConfiguration("The metric's trigger is custom, but has no condition.")
    return _prompt("trigger").substitute(condition=spec.trigger_prompt.strip()).strip()


def automatic_question(spec: MetricSpec) -> str:
    """The same for a metric that leaves it to the judge whether it applies."""
    return _prompt("automatic").substitute(name=spec.name, description=spec.description.strip()).strip()


def value_text(spec: MetricSpec) -> str:
    """The form of the value that is asked for, in words."""
    match spec.eval_type:
        case EvalType.BINARY:
            return _prompt("value_binary").template.strip()
        case EvalType.RATING:
            return _prompt("value_rating").template.strip()
        case EvalType.NUMERIC:
            choices = allowed_values(spec)
            if not choices:
                return _prompt("value_numeric").template.strip()
            return _prompt("value_choice").substitute(choices=", ".join(f"{n:g}" for n in choices)).strip()
        case EvalType.ENUM:
            if not [label for label in spec.labels if label.strip()]:
                raise BadConfiguration("The metric gives one of several labels, but has no labels.")
            return (
                _prompt("value_enum").substitute(choices="\n".join(f"- {one}" for one in spec.labels)).strip()
            )
        case _:
            assert_never(spec.eval_type)


def allowed_values(spec: MetricSpec) -> tuple[float, ...]:
    """The numbers that a numeric metric may give (`configuration.allowed_values`); empty for any number."""
    raw = spec.configuration.get("allowed_values", ())
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not all(_is_number(one) for one in raw):
        raise BadConfiguration("allowed_values in the metric's configuration must be a list of numbers.")
    return tuple(float(one) for one in raw)


# --- reading ---------------------------------------------------------------------------------------------


def read_answer(call: Call, spec: MetricSpec, answer: JudgeAnswer) -> Scored | Skipped:
    """What the judge's answer means for this metric. A quote that is not in the transcript marks the result
    as low-trust. Raises InvalidAnswer where the value does not fit the eval type."""
    explanation = _sentences(answer.content.get("explanation"))
    if _says_no(answer.content.get("applicable")):
        custom = spec.trigger is Trigger.CUSTOM and spec.trigger_type == "llm_judge"
        return Skipped(
            SkipReason.TRIGGER_NOT_MET if custom else SkipReason.NOT_APPLICABLE,
            explanation or ("The judge found that the metric does not apply to this call.",),
            usage=answer.usage,
            judge_model=answer.model,
        )
    reading = _reading(answer.content.get("value"), call, spec)
    evidence = _evidence(answer.content.get("evidence"), call)
    return Scored(
        value=reading.value,
        explanation=(*explanation, *reading.notes),
        evidence=evidence,
        low_trust=not all(item.found for item in evidence),
        extra=reading.extra,
        usage=answer.usage,
        judge_model=answer.model,
    )


def _reading(raw: object, call: Call, spec: MetricSpec) -> Reading:
    form = form_of(spec)
    reading = form.read(raw, call, spec) if form is not None and form.read else Reading(_value(raw, spec))
    if form is None or form.facts is None:
        return reading
    return replace(reading, extra={**reading.extra, **form.facts(call, spec)})


def _sentences(raw: object) -> tuple[str, ...]:
    items = [raw] if isinstance(raw, str) else raw if isinstance(raw, list) else []
    return tuple(item.strip() for item in items if isinstance(item, str) and item.strip())


def _evidence(raw: object, call: Call) -> tuple[Evidence, ...]:
    found, finder = [], QuoteFinder(call.turns)
    for item in raw[:MAX_EVIDENCE] if isinstance(raw, list) else []:
        quote, turn = (item.get("quote"), item.get("turn")) if isinstance(item, dict) else (item, None)
        if isinstance(quote, str) and quote.strip():
            index = turn - 1 if isinstance(turn, int) and not isinstance(turn, bool) else None
            found.append(finder.find(quote.strip(), index))
    return tuple(found)


_YES = frozenset({"true", "pass", "passed", "yes", "5", "1", "5.0", "1.0"})
_NO = frozenset({"false", "fail", "failed", "no", "0", "0.0"})


def _says_no(raw: object) -> bool:
    return raw is False or (isinstance(raw, str) and raw.strip().casefold() in {"false", "no"})


def _value(raw: object, spec: MetricSpec) -> Value:
    match spec.eval_type:
        case EvalType.BINARY:
            return Value(passed=_as_verdict(raw))
        case EvalType.RATING:
            demand = "The value must be a number from 0 to 5."
            number = _as_number(raw, demand)
            if not MIN_RATING <= number <= MAX_RATING:
                raise InvalidAnswer(demand, raw)
            return Value(number=number)
        case EvalType.NUMERIC:
            choices = allowed_values(spec)
            listed = f"one of the numbers {', '.join(f'{n:g}' for n in choices)}" if choices else "a number"
            number = _as_number(raw, f"The value must be {listed}.")
            if choices and number not in choices:
                raise InvalidAnswer(f"The value must be {listed}.", raw)
            return Value(number=number)
        case EvalType.ENUM:
            return Value(label=_as_label(raw, spec.labels))
        case _:
            assert_never(spec.eval_type)


def _as_verdict(raw: object) -> bool:
    text = _word(raw)
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise InvalidAnswer("The value must be true or false.", raw)


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)


def _as_number(raw: object, demand: str) -> float:
    number = float(raw) if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()) else raw
    if not _is_number(number):
        raise InvalidAnswer(demand, raw)
    return float(number)


def _as_label(raw: object, labels: Sequence[str]) -> str:
    given = _word(raw)
    exact = [label for label in labels if isinstance(raw, str) and label.strip() == raw.strip()]
    close = [label for label in labels if label.strip().casefold() == given]
    if exact or close:
        return (exact or close)[0]
    raise InvalidAnswer(f"The value must be one of the labels {', '.join(labels)}.", raw)


def _word(raw: object) -> str | None:
    """A scalar as a lower-case word; a whole number has no decimal point."""
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return str(raw).strip().casefold() if isinstance(raw, (str, int, float)) else None


def _is_number(raw: object) -> TypeGuard[int | float]:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return False
    try:
        return math.isfinite(raw)
    except OverflowError:  # an integer beyond any float
        return False
