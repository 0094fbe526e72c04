"""A better wording for a metric: what the judge is shown, and what its answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callgauge.domain.calls import Call, clock, said, stable_hash
from callgauge.domain.judging import JudgeAnswer, JudgeRequest, Message
from callgauge.domain.metrics import MetricSpec
from callgauge.engine.agreement import say
from callgauge.engine.faults import InvalidAnswer
from callgauge.engine.fence import MARK_CHARS, Fence
from callgauge.engine.judged import value_text
from callgauge.engine.prompt_files import prompt

SCHEMA_NAME = "metric_proposal"
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        # Thinking comes first, the wording last: a wording that is there already is only defended.
        "analysis": {"type": "array", "items": {"type": "string"}},
        "changes": {"type": "array", "items": {"type": "string"}},
        "description": {"type": "string"},
    },
    "required": ["analysis", "changes", "description"],
    "additionalProperties": False,
}
MAX_TRANSCRIPT_CHARS: Final = 6_000
"""Of each call; what decides is mostly near the beginning or the end, so both are kept."""
MAX_DESCRIPTION_CHARS: Final = 20_000
MAX_OUTPUT_TOKENS: Final = 6_000
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class ProposalCase:
    call: Call
    expected: Any
    """A person's value; None: not applicable."""
    machine: Any
    is_wrong: bool
    explanation: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    description: str
    summary: Sequence[str]


def asked_wording(spec: MetricSpec) -> str:
    """What the judge is asked today."""
    return spec.prompt.strip() or spec.description.strip()


def build_proposal_request(
    spec: MetricSpec, cases: Sequence[ProposalCase], *, fault: str = ""
) -> JudgeRequest:
    """The same cases give the same request. The scripted judge knows it by the metric `NAME (proposal)`.

    `fault` says what was wrong with an earlier answer."""
    mark = stable_hash("proposal", [case.call.content_hash or case.call.call_id for case in cases])
    fence = Fence(mark[:MARK_CHARS])
    text = prompt("proposal").substitute(
        mark=fence.mark,
        name=spec.name,
        value=value_text(spec),
        description=asked_wording(spec),
        cases="\n".join(_case(number, case, fence) for number, case in enumerate(cases, 1)),
        total=len(cases),
        wrong=sum(case.is_wrong for case in cases),
    )
    again = prompt("asked_again").substitute(fault=fault).rstrip() if fault else ""
    return JudgeRequest(
        messages=(
            Message("system", prompt("proposal_system").template.strip()),
            Message("user", text.strip() + again),
        ),
        schema=SCHEMA,
        schema_name=SCHEMA_NAME,
        metric_name=f"{spec.name} (proposal)",
        max_output_tokens=MAX_OUTPUT_TOKENS,
    )


def read_proposal(spec: MetricSpec, answer: JudgeAnswer) -> Proposal:
    """Raises InvalidAnswer for a wording that is none, or that drops or invents a placeholder."""
    wording = answer.content.get("description")
    if not isinstance(wording, str) or not wording.strip():
        raise InvalidAnswer("The description must be a text.", wording)
    wording = wording.strip()
    if len(wording) > MAX_DESCRIPTION_CHARS:
        raise InvalidAnswer(f"The description must have at most {MAX_DESCRIPTION_CHARS} characters.", "…")
    kept, found = _placeholders(asked_wording(spec)), _placeholders(wording)
    if kept != found:
        names = ", ".join(f"{{{{{name}}}}}" for name in sorted(kept)) or "none"
        raise InvalidAnswer(f"The description must have these placeholders and no others: {names}.", "…")
    return Proposal(wording, (*_texts(answer, "analysis"), *_texts(answer, "changes")))


def _texts(answer: JudgeAnswer, name: str) -> list[str]:
    raw = answer.content.get(name)
    return (
        [one.strip() for one in raw if isinstance(one, str) and one.strip()] if isinstance(raw, list) else []
    )


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def _case(number: int, case: ProposalCase, fence: Fence) -> str:
    return prompt("proposal_case").substitute(
        number=number,
        verdict="the judge was wrong" if case.is_wrong else "the judge was right",
        expected=say(case.expected),
        machine=say(case.machine),
        explanation=fence.block("explanation", "\n".join(case.explanation) or "(nothing)"),
        note=fence.block("note", case.note or "(nothing)"),
        transcript=fence.block("transcript", _shortened(_lines(case.call))),
    )


def _lines(call: Call) -> str:
    return "\n".join(
        f"#{number}{f' [{clock(turn.start_secs)}]' if turn.start_secs is not None else ''} "
        f"{turn.role.value}: {' '.join(said(turn).split()) or '(nothing)'}"
        for number, turn in enumerate(call.turns, 1)
    )


def _shortened(text: str) -> str:
    if len(text) <= MAX_TRANSCRIPT_CHARS:
        return text
    half = MAX_TRANSCRIPT_CHARS // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"
