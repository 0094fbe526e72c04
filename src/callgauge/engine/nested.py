"""Questions that a script puts to the judge: the host's own copy of the call, counted and paid for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import Failed, Outcome, Usage
from callgauge.engine.evaluate import MAX_REASKS, Ask, Context, ask_judge
from callgauge.engine.faults import EngineError
from callgauge.engine.judged import call_prefix
from callgauge.engine.listening import END, START, Hear, Stretch

SAMPLES: Final = 1_000
"""Numbers kept for the re-asks of one question, so that a repeated question has samples of its own."""
KEPT_CONFIGURATION: Final = ("judge_model",)
"""What of the metric's configuration holds for its script's questions too."""


class NestedJudge:
    """For one run of one script. `usage` and `model` tell what its questions have cost so far.

    The same questions in the same order give the same requests with the same sample numbers, so that a run
    after a crash is answered from the checkpoint. A question that is asked twice is asked anew the second
    time: whoever repeats it wants to see how far the answers agree."""

    def __init__(
        self,
        call: Call,
        spec: MetricSpec,
        ask: Ask,
        *,
        hear: Hear | None = None,
        reasks: int = MAX_REASKS,
    ) -> None:
        self._call = call
        self._hear = hear
        self._spec = replace(
            spec,
            kind=MetricKind.LLM_JUDGE,
            trigger=Trigger.ALWAYS,
            prompt="",
            hears=False,
            configuration={
                name: value for name, value in spec.configuration.items() if name in KEPT_CONFIGURATION
            },
        )
        self._ask = ask
        self._reasks = reasks
        self._prefix = cache(partial(call_prefix, call))
        self._times: Counter[tuple[str, EvalType, tuple[str, ...], Stretch | None]] = Counter()
        self.usage = Usage()
        self.model = ""

    async def answer(
        self, description: str, eval_type: EvalType, labels: Sequence[str], heard: Stretch | None = None
    ) -> Outcome:
        """Scored, Skipped where the question does not apply to the call, or Failed. `heard`: the judge is to
        listen to it."""
        question = (description, eval_type, tuple(labels), heard)
        spec = replace(self._spec, description=description, eval_type=eval_type, labels=question[2])
        if heard is not None:
            stretch = {START: heard.start_secs, END: heard.end_secs}
            spec = replace(spec, hears=True, configuration={**spec.configuration, **stretch})
        first = self._times[question] * SAMPLES
        self._times[question] += 1

        async def ask(spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
            return await self._ask(spec, request, first + sample)

        outcome: Outcome
        try:
            context = Context(self._call, ask, None, self._reasks, self._prefix, hear=self._hear)
            outcome = await ask_judge(spec, context)
        except EngineError as error:
            outcome = Failed(error.code, (str(error),), retryable=error.retryable)
        self.usage += outcome.usage
        self.model = outcome.judge_model or self.model
        return outcome
