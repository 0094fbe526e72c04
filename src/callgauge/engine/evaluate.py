"""All metrics of one call: each ends scored, skipped or failed, and is saved as soon as it is known."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Final

from callgauge.audio import Analysis
from callgauge.domain.calls import Call
from callgauge.domain.judging import (
    JudgeAnswer,
    JudgeCannotHear,
    JudgeError,
    JudgeInterrupted,
    JudgeInvalidAnswer,
    JudgeRefused,
    JudgeRequest,
    JudgeUnavailable,
    hash_of_request,
)
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import (
    Failed,
    FailureCode,
    Outcome,
    Scored,
    Skipped,
    SkipReason,
    Usage,
)
from callgauge.engine import repeats
from callgauge.engine.built_in import BUILT_IN
from callgauge.engine.dependencies import has_code_trigger, in_circle, reads_sound, runs_code, waiting_for
from callgauge.engine.faults import BadConfiguration, EngineError, InvalidAnswer
from callgauge.engine.forms import form_of, prepared
from callgauge.engine.forms.form import Measured
from callgauge.engine.heard import HEARD, NO_RECORDING, Listen
from callgauge.engine.heard.scoring import from_recording, once
from callgauge.engine.judged import (
    Prefix,
    automatic_question,
    build_request,
    call_prefix,
    read_answer,
    trigger_question,
)
from callgauge.engine.listening import Hear, Hearable, heard_extra, stretch_of, with_sound
from callgauge.engine.script_data import script_data
from callgauge.engine.transcription import WORDS, Transcribe

logger = logging.getLogger(__name__)

Ask = Callable[[MetricSpec, JudgeRequest, int], Awaitable[JudgeAnswer]]
"""Ask the judge. The number counts the samples of one question, from 0: each is a request of its own."""
RunScript = Callable[[MetricSpec, dict[str, Any]], Awaitable[Outcome]]
"""Run a metric's Python (`custom_code`) on its `data`."""
Save = Callable[[MetricSpec, Outcome], Awaitable[None]]

MAX_REASKS = 4
"""Times that an answer whose value does not fit the metric is asked for again."""

LONG_CALL_TURNS = 1_000

NO_JUDGE = "No judge is set. Set CALLGAUGE_JUDGE, for example openai:gpt-4.1-mini."
NO_SANDBOX = "Python metrics need a sandbox, and this server has none. The server's log says why."
READS_ITSELF = "The metric's script reads a metric that, directly or by way of others, reads this one."
NO_TRANSCRIPT = "The call has no transcript."


@dataclass(frozen=True, slots=True)
class Context:
    """What a scorer may use."""

    call: Call
    ask: Ask | None
    run_script: RunScript | None
    reasks: int
    prefix: Callable[[], Prefix]
    """What all judge requests of the call begin with; worked out when first asked for."""
    listen: Listen | None = None
    """The analysis of the recording, worked out when first asked for; None for calls without one."""
    transcribe: Transcribe | None = None
    """The recording in words, written down when first asked for; None where nothing can do that."""
    hear: Hear | None = None
    """Finds what a judge is to listen to; None where nothing of the call can be heard."""
    results: Mapping[str, Outcome] = field(default_factory=dict)
    """Results of other metrics by name: for a script all that it reads, for every other metric none."""


async def evaluate_call(
    call: Call,
    specs: Sequence[MetricSpec],
    *,
    ask: Ask | None,
    run_script: RunScript | None,
    save: Save,
    listen: Listen | None = None,
    hear: Hear | None = None,
    transcribe: Transcribe | None = None,
    known: Mapping[str, Outcome] = MappingProxyType({}),
    reasks: int = MAX_REASKS,
) -> None:
    """Compute every metric once, all at the same time; only a script waits, for the metrics whose results it
    reads. It sees those of this run, and those in `known` (by name) of metrics that are not computed now.
    How many judge requests are in flight is the caller's to limit, inside `ask`. `listen` is called once, and
    only if some metric asks.

    A fault of one metric is its outcome and touches no other; one that never answers holds up only those
    that read it. What `save` raises stops the whole call and is raised here; so is cancellation."""
    results = dict(known)
    context = Context(
        call,
        ask,
        run_script,
        reasks,
        cache(partial(call_prefix, call)),
        listen=None if listen is None else once(listen),
        hear=hear,
        transcribe=transcribe,
    )
    waits = waiting_for(specs)
    lost = in_circle(waits)
    done = [asyncio.Event() for _ in specs]

    async def settle(position: int, spec: MetricSpec) -> None:
        if position in lost:
            outcome: Outcome = Failed(FailureCode.BAD_CONFIGURATION, (READS_ITSELF,))
        else:
            for other in waits[position]:
                await done[other].wait()
            seen = replace(context, results=dict(results)) if runs_code(spec) else context
            outcome = await _outcome(spec, seen)
        await save(spec, outcome)
        results[spec.name] = outcome
        done[position].set()

    await _together(settle(position, spec) for position, spec in enumerate(specs))


async def _together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as stopped:
        # Only `save` can raise here; the first to fail has cancelled the others.
        raise stopped.exceptions[0] from None


# --- one metric ------------------------------------------------------------------------------------------


async def _outcome(spec: MetricSpec, context: Context) -> Outcome:
    try:
        trigger = await _trigger(spec, context)
        if trigger is not None and not (isinstance(trigger, Scored) and trigger.value.passed):
            return _not_triggered(trigger)
        outcome = await SCORERS[spec.kind](spec, context)
        return replace(outcome, usage=trigger.usage + outcome.usage) if trigger is not None else outcome
    except EngineError as error:
        return Failed(error.code, (str(error),), retryable=error.retryable)
    except Exception as error:  # noqa: BLE001 - a metric's fault must not take the others down
        return _unforeseen(spec, error)


async def ask_judge(spec: MetricSpec, context: Context) -> Outcome:
    """Ask the metric's question, once or as often as its configuration says."""
    ready = prepared(context.call, spec)
    if not isinstance(ready, MetricSpec):
        return ready
    spec = ready
    if not spec.hears and not any(turn.text.strip() for turn in context.call.spoken):
        return Skipped(SkipReason.NO_TRANSCRIPT, (NO_TRANSCRIPT,))
    if context.ask is None:
        return Skipped(SkipReason.NO_JUDGE, (NO_JUDGE,))
    put = await _put(spec, context)
    if not isinstance(put, _Put):
        return put
    outcome = await _samples(spec, context, context.ask, put)
    return replace(outcome, extra={**outcome.extra, **put.extra}) if put.extra else outcome


@dataclass(frozen=True, slots=True)
class _Put:
    """How one question about one call is put."""

    request: Callable[[str], JudgeRequest]
    """From what was wrong with the answer before, empty at first."""
    extra: Mapping[str, Any]
    """What its results tell of the recording."""


async def _put(spec: MetricSpec, context: Context) -> _Put | Skipped | Failed:
    """With all that the recording has to give for it: what was measured, and what is to be heard."""
    form, measured = form_of(spec), Measured()
    if form is not None and form.measured is not None and context.listen is not None:
        analysis = await context.listen()
        if isinstance(analysis, Analysis):
            measured = form.measured(context.call, spec, analysis)

    def build(fault: str) -> JudgeRequest:
        prefix, reasks = context.prefix(), context.reasks
        return build_request(
            context.call, spec, prefix=prefix, measured=measured.text, fault=fault, reasks=reasks
        )

    if not spec.hears:
        return _Put(build, measured.extra)
    stretch = stretch_of(spec)
    heard = NO_RECORDING if context.hear is None else await context.hear(spec, stretch)
    if not isinstance(heard, Hearable):
        return heard
    return _Put(lambda fault: with_sound(build(fault), heard), {**measured.extra, **heard_extra(heard)})


async def _samples(spec: MetricSpec, context: Context, ask: Ask, put: _Put) -> Outcome:
    times = repeats.wanted(spec)
    if times == 1:
        return await _sample(spec, context, ask, put, put.request(""), 0)
    request = replace(put.request(""), temperature=repeats.TEMPERATURE)
    try:
        async with asyncio.TaskGroup() as group:
            samples = [
                group.create_task(_sample(spec, context, ask, put, request, nth * repeats.STRIDE))
                for nth in range(times)
            ]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return repeats.combine([sample.result() for sample in samples])


async def _sample(
    spec: MetricSpec, context: Context, ask: Ask, put: _Put, request: JudgeRequest, first: int
) -> Outcome:
    """One answer; one that does not fit is asked for again, with sample numbers that go on from `first`.
    What the judge itself asked again for is taken from the same number of re-asks."""
    spent = _Spent(hash_of_request(request))
    complaint, answers, sample = "", 0, first
    while answers <= context.reasks:
        left = context.reasks - answers
        try:
            answer = await ask(
                spec, request if request.reasks == left else replace(request, reasks=left), sample
            )
        except JudgeError as error:
            spent.add(error.usage, error.attempts, ())
            return spent.on(_judge_failed(error))
        spent.model = answer.model
        try:
            outcome = await _read(context.call, spec, answer)
        except InvalidAnswer as error:
            complaint = str(error)
            spent.add(answer.usage, answer.attempts, (*answer.faults, "unfit_value"))
            request = replace(put.request(error.demand), temperature=request.temperature)
            answers, sample = answers + max(1, answer.usage.requests), sample + 1
        else:
            spent.add(answer.usage, answer.attempts, answer.faults)
            return spent.on(outcome)
    words = f"None of {answers} answers of the judge could be used. {complaint}"
    return spent.on(Failed(FailureCode.JUDGE_INVALID_ANSWER, (words,), retryable=True))


@dataclass(slots=True)
class _Spent:
    """What one question has cost so far, over all its samples."""

    asked: str
    """Hash of the question as first asked."""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    attempts: int = 0
    faults: tuple[str, ...] = ()

    def add(self, usage: Usage, attempts: int, faults: Sequence[str]) -> None:
        self.usage += usage
        self.attempts += attempts
        self.faults += tuple(faults)

    def on(self, outcome: Outcome) -> Outcome:
        return replace(
            outcome,
            usage=self.usage,
            judge_model=self.model,
            prompt_hash=self.asked,
            extra={**outcome.extra, "judge": {"attempts": self.attempts, "faults": list(self.faults)}},
        )


async def _read(call: Call, spec: MetricSpec, answer: JudgeAnswer) -> Scored | Skipped:
    if len(call.turns) <= LONG_CALL_TURNS:
        return read_answer(call, spec, answer)
    # Looking for quotes in a very long call takes long enough to hold up every other question.
    return await asyncio.to_thread(read_answer, call, spec, answer)


async def apply_rule(spec: MetricSpec, context: Context) -> Outcome:
    """Compute a built-in metric, from the recording or from the transcript."""
    heard = HEARD.get(spec.built_in)
    if heard is not None:
        return await from_recording(heard, spec, context.call, context.listen)
    if not context.call.turns:
        return Skipped(SkipReason.NO_TRANSCRIPT, (NO_TRANSCRIPT,))
    about_words = WORDS.get(spec.built_in)
    if about_words is not None:
        return await about_words(context.call, spec, context.transcribe)
    scorer = BUILT_IN.get(spec.built_in)
    if scorer is None:
        raise BadConfiguration(f'There is no built-in metric named "{spec.built_in}".')
    return scorer(context.call, spec)


async def run_code(spec: MetricSpec, context: Context) -> Outcome:
    """Run a Python metric in the sandbox."""
    if not spec.custom_code.strip():
        raise BadConfiguration("The metric has no Python code.")
    if context.run_script is None:
        return Skipped(SkipReason.NO_SANDBOX, (NO_SANDBOX,))
    heard = await context.listen() if context.listen is not None and reads_sound(spec.custom_code) else None
    analysis = heard if isinstance(heard, Analysis) else None
    return await context.run_script(spec, script_data(context.call, context.results, analysis))


SCORERS: Final[Mapping[MetricKind, Callable[[MetricSpec, Context], Awaitable[Outcome]]]] = {
    MetricKind.LLM_JUDGE: ask_judge,
    MetricKind.BUILT_IN: apply_rule,
    MetricKind.CUSTOM_CODE: run_code,
}


# --- does it apply? --------------------------------------------------------------------------------------


async def _trigger(spec: MetricSpec, context: Context) -> Outcome | None:
    """The outcome of a trigger, a yes or no; None where there is none to ask. A judge metric needs no request
    of its own for a sentence, or to decide by itself: that goes along with its question."""
    by_code = has_code_trigger(spec)
    if not by_code and (spec.trigger is Trigger.ALWAYS or spec.kind is MetricKind.LLM_JUDGE):
        return None
    plain = replace(spec, eval_type=EvalType.BINARY, trigger=Trigger.ALWAYS, built_in="", hears=False)
    if by_code:
        return await run_code(
            replace(plain, kind=MetricKind.CUSTOM_CODE, custom_code=spec.trigger_code), context
        )
    question = automatic_question(spec) if spec.trigger is Trigger.AUTOMATIC else trigger_question(spec)
    return await ask_judge(
        replace(plain, kind=MetricKind.LLM_JUDGE, description=question, prompt=""), context
    )


def _not_triggered(trigger: Outcome) -> Skipped | Failed:
    if isinstance(trigger, Failed) or (
        isinstance(trigger, Skipped) and trigger.reason is not SkipReason.NOT_APPLICABLE
    ):
        return trigger
    return Skipped(
        SkipReason.TRIGGER_NOT_MET,
        trigger.explanation or ("The metric's trigger was not met.",),
        usage=trigger.usage,
        judge_model=trigger.judge_model,
        prompt_hash=trigger.prompt_hash,
    )


# --- failures --------------------------------------------------------------------------------------------

JUDGE_FAILURES: Final[Mapping[type[JudgeError], FailureCode]] = {
    JudgeUnavailable: FailureCode.JUDGE_UNAVAILABLE,
    JudgeRefused: FailureCode.JUDGE_REFUSED,
    JudgeInvalidAnswer: FailureCode.JUDGE_INVALID_ANSWER,
    JudgeInterrupted: FailureCode.JUDGE_INTERRUPTED,
    JudgeCannotHear: FailureCode.AUDIO_FAILED,
}


def _judge_failed(error: JudgeError) -> Failed:
    code = next(
        (JUDGE_FAILURES[kind] for kind in type(error).__mro__ if kind in JUDGE_FAILURES),
        FailureCode.JUDGE_UNAVAILABLE,
    )
    words = str(error) or (type(error).__doc__ or "").strip()
    return Failed(code, (words,), retryable=error.retryable)


def _unforeseen(spec: MetricSpec, error: Exception) -> Failed:
    """Name and place of the fault, never its message, which may quote the call."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "an unknown place"
    kind = type(error).__name__
    logger.error("Metric version %s failed: %s at %s", spec.version_id, kind, place)
    return Failed(FailureCode.INTERNAL_ERROR, (f"An unforeseen fault in Callgauge: {kind} at {place}.",))
