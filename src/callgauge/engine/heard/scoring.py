"""From a call to an outcome: by its recording where that serves, else by the transcript's times, else not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from callgauge.audio import Analysis
from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, Outcome, Scored, Skipped, SkipReason
from callgauge.engine.heard.heard import NO_RECORDING, HeardMetric, Hearing, Listen


def once(listen: Listen) -> Listen:
    """Calls `listen` the first time, and gives the same to everybody. One who stops waiting stops nobody."""
    task: asyncio.Task[Hearing] | None = None

    async def shared() -> Hearing:
        nonlocal task
        if task is None:
            task = asyncio.ensure_future(listen())
        return await asyncio.shield(task)

    return shared


async def from_recording(metric: HeardMetric, spec: MetricSpec, call: Call, listen: Listen | None) -> Outcome:
    heard = NO_RECORDING if listen is None else await listen()
    if isinstance(heard, Analysis):
        why: Skipped | Failed | None = metric.refusal(heard)
        outcome: Outcome = metric.score(call, spec, heard) if why is None else why
        if isinstance(outcome, Skipped) and outcome.reason is SkipReason.MONO_RECORDING:
            why = outcome
        if why is None:
            return outcome
    else:
        why = heard
    if metric.fallback is None or not call.turns:
        return why
    return _labelled(metric.fallback(call, spec), why)


def _labelled(outcome: Scored | Skipped, why: Skipped | Failed) -> Outcome:
    """What the transcript's times give, with the reason for taking them; where they give nothing either, the
    reason that weighs more: a recording that is there and cannot be used."""
    if isinstance(outcome, Skipped) and outcome.reason is SkipReason.NO_TIMES and why is not NO_RECORDING:
        return why
    if why is NO_RECORDING:
        return outcome
    code = why.code.value if isinstance(why, Failed) else why.reason.value
    notes = (*outcome.explanation, *why.explanation)
    extra = {**outcome.extra, "recording": code}
    if "audio" in why.extra:
        extra["audio"] = why.extra["audio"]
    return replace(outcome, explanation=notes, extra=extra)
