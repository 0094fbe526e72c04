"""How well does a model judge? Short dialogues with what a careful person makes of them, put to it by the
same engine that measures calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callgauge.domain.judging import Judge, JudgeAnswer, JudgeRequest
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.outcomes import Outcome, Usage
from callgauge.engine.evaluate import evaluate_call
from callgauge.engine.judge_check.dialogues_file import (
    NOT_APPLICABLE,
    Dialogue,
    DialogueFault,
    Label,
    dialogues,
    read_dialogues,
)
from callgauge.engine.judge_check.report import Checked, Row, rows_of
from callgauge.engine.predefined import PREDEFINED, Predefined

__all__ = [
    "METRICS",
    "NOT_APPLICABLE",
    "NOT_COVERED",
    "Case",
    "Checked",
    "Dialogue",
    "DialogueFault",
    "Label",
    "LabelJudge",
    "Row",
    "cases",
    "check",
    "dialogues",
    "read_dialogues",
    "rows_of",
]

METRICS: Final[Mapping[str, Predefined]] = {
    one.slug: one for one in PREDEFINED if any(one.slug in dialogue.labels for dialogue in dialogues())
}
"""The predefined metrics whose judge reads: there are dialogues for each."""
NOT_COVERED: Final[Mapping[str, Predefined]] = {
    one.slug: one for one in PREDEFINED if one.kind is MetricKind.LLM_JUDGE and one.slug not in METRICS
}
"""Those whose judge listens: the set is text and has no recordings."""


@dataclass(frozen=True, slots=True)
class Case:
    """One dialogue put to one metric."""

    metric: Predefined
    dialogue: Dialogue
    label: Label


def cases(slugs: Iterable[str] = METRICS) -> list[Case]:
    wanted = set(slugs)
    return [
        Case(METRICS[slug], dialogue, label)
        for dialogue in dialogues()
        for slug, label in dialogue.labels.items()
        if slug in wanted
    ]


async def check(
    judge: Judge, cases: Sequence[Case], *, at_once: int, done: Callable[[Checked], None] = lambda _: None
) -> list[Checked]:
    """Put all cases to the judge, at most `at_once` at the same time. `done` hears of each as it ends."""
    labels = LabelJudge(cases)
    slots = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Checked:
        expected = await _outcome(case, labels)
        async with slots:
            found = Checked(
                case.metric, case.dialogue.call.call_id, case.label.why, expected, await _outcome(case, judge)
            )
        done(found)
        return found

    return list(await asyncio.gather(*(one(case) for case in cases)))


class LabelJudge:
    """A labelled fake: answers each dialogue with its own label. It says what a label comes to as a value,
    and shows that every dialogue can be put to the engine; about a model it says nothing."""

    scripted = True
    model = "scripted:labels"
    cache_min_tokens = None

    def __init__(self, cases: Sequence[Case]) -> None:
        self._labels = {(case.metric.name, case.dialogue.call.call_id): case.label for case in cases}

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        label = self._labels[request.metric_name, request.call_id]
        applicable = label.value != NOT_APPLICABLE
        content = {
            "evidence": [],
            "explanation": [label.why],
            "applicable": applicable,
            "value": label.value if applicable else None,
        }
        return JudgeAnswer(content, self.model, Usage(requests=1, cost_usd=0.0))

    async def close(self) -> None:
        """Nothing is held open."""


async def _outcome(case: Case, judge: Judge) -> Outcome:
    found: list[Outcome] = []

    async def ask(_spec: MetricSpec, request: JudgeRequest, _sample: int) -> JudgeAnswer:
        return await judge.ask(request)

    async def keep(_spec: MetricSpec, outcome: Outcome) -> None:
        found.append(outcome)

    spec = _spec(case.metric)
    await evaluate_call(case.dialogue.call, [spec], ask=ask, run_script=None, save=keep)
    return found[0]


def _spec(metric: Predefined) -> MetricSpec:
    return MetricSpec(
        metric_id=0,
        version_id=0,
        name=metric.name,
        kind=metric.kind,
        eval_type=metric.eval_type,
        description=metric.description,
        prompt=metric.prompt,
        labels=metric.labels,
        built_in=metric.built_in,
        configuration=metric.configuration,
    )
