"""Running Python metrics: the sandbox, opened at the first one, and what came of each script."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Skipped, SkipReason
from callgauge.engine.evaluate import NO_JUDGE, NO_SANDBOX
from callgauge.engine.listening import Stretch
from callgauge.engine.nested import NestedJudge
from callgauge.engine.script_value import WrongValue, script_value
from callgauge.sandbox import (
    Code,
    JudgeAsk,
    JudgeFailed,
    JudgeReply,
    JudgeVerdict,
    Sandbox,
    SandboxUnavailable,
    ScriptFailed,
    ScriptOk,
    ScriptResult,
    open_sandbox,
)
from callgauge.worker.slots import Place, Slots

log = logging.getLogger(__name__)

AUTO, OFF = "auto", "off"
OFF_WORDS = "Python metrics are switched off on this server (CALLGAUGE_SANDBOX is off)."
NO_RESULT_WORDS = "The script set _result to None: the metric does not apply to this call."
REOPEN_SECS = 60.0
"""A sandbox that could not be opened is tried again after this: a busy machine may fail its self-test."""

LIMITS: Final = frozenset(
    {
        Code.CPU,
        Code.WALL,
        Code.MEMORY,
        Code.JUDGE_BUDGET,
        Code.RESULT_TOO_LARGE,
        Code.SCRIPT_TOO_LARGE,
        Code.DATA_TOO_LARGE,
    }
)
EVAL_TYPES: Final = {
    "binary": EvalType.BINARY,
    "binary_workflow_adherence": EvalType.BINARY,
    "binary_qualitative": EvalType.BINARY,
    "continuous_qualitative": EvalType.RATING,
    "numeric": EvalType.NUMERIC,
    "enum": EvalType.ENUM,
}
"""The words that a script may use."""


@dataclass(slots=True, eq=False)
class _Run:
    """One script under way. While it waits for the judge, its slot is another's."""

    judge: NestedJudge | None
    slots: Slots
    place: Place
    slot: AsyncExitStack
    ended: bool = False
    asking: Future[JudgeReply] | None = None
    skipped: Skipped | None = None
    """Set where a question could not be put for a reason that is nobody's fault."""

    def end(self) -> None:
        """Nobody waits for the script any more: it asks nothing from now on."""
        self.ended = True
        if self.asking is not None:
            self.asking.cancel()

    async def answer(self, asked: JudgeAsk) -> JudgeReply:
        assert self.judge is not None
        heard = Stretch(asked.audio_start_secs, asked.audio_end_secs) if asked.audio else None
        await self.slot.aclose()
        try:
            outcome = await self.judge.answer(
                asked.description, EVAL_TYPES[asked.eval_type], asked.enum_values, heard
            )
        finally:
            if not self.ended:
                await self.slot.enter_async_context(self.slots.take(self.place))
            if self.ended:
                await self.slot.aclose()  # it ended while the slot was on its way: nobody else gives it back
        match outcome:
            case Scored():
                return JudgeVerdict(outcome.value.plain, outcome.explanation)
            case Skipped(reason=SkipReason.NOT_APPLICABLE):
                return JudgeVerdict(None, outcome.explanation)
            case Skipped():
                return self._skip(outcome)
            case Failed():
                return JudgeFailed(outcome.code, " ".join(outcome.explanation), outcome.retryable)
            case _:
                assert_never(outcome)

    def _skip(self, outcome: Skipped) -> JudgeReply:
        self.skipped = outcome
        return JudgeFailed(outcome.reason, "", retryable=False)


class Scripts:
    """Runs scripts for the executor's event loop, several at once, each in a thread that only waits."""

    def __init__(
        self, backend: str, *, in_flight: int, open: Callable[[str | None], Sandbox] = open_sandbox
    ) -> None:
        """`backend` is `auto`, `off` or a name of `sandbox.BACKENDS`; `in_flight` as for the judge: scripts
        that wait for an answer take a slot there, and none here."""
        self._backend = backend
        self._open = open
        running = max(4, 2 * (os.cpu_count() or 1))
        self._slots = Slots(running)
        alive = running + in_flight
        self._alive = asyncio.Semaphore(alive)
        self._pool = ThreadPoolExecutor(max_workers=alive + 1, thread_name_prefix="callgauge-script")
        self._opening = asyncio.Lock()
        self._sandbox: Sandbox | None = None
        self._missing = ""
        self._tried_at: float | None = None
        self._runs: set[_Run] = set()

    async def run(
        self, spec: MetricSpec, data: dict[str, Any], judge: NestedJudge | None, place: Place
    ) -> Outcome:
        """Run the metric's `custom_code`. `judge` is what its questions go to; None where no judge is set."""
        if self._backend == OFF:
            return Skipped(SkipReason.NO_SANDBOX, (OFF_WORDS,))
        async with self._alive:
            sandbox = await self._opened()
            if sandbox is None:
                return Skipped(SkipReason.NO_SANDBOX, (NO_SANDBOX, self._missing))
            async with AsyncExitStack() as slot:
                await slot.enter_async_context(self._slots.take(place))
                run = _Run(judge, self._slots, place, slot)
                result = await self._in_thread(sandbox, spec, data, run)
            return _priced(run.skipped or _read(spec, result), result, judge)

    async def stop(self) -> None:
        """End every script under way and the sandbox's processes. Nothing that was paid for is lost: the
        judge's answers are in the checkpoint."""
        for run in self._runs:
            run.end()
        loop = asyncio.get_running_loop()
        if self._sandbox is not None:
            await loop.run_in_executor(self._pool, self._sandbox.close)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        if self._sandbox is not None:
            # A script that lost its process between two steps may have started another one for itself.
            self._sandbox.close()

    async def _opened(self) -> Sandbox | None:
        async with self._opening:
            due = self._tried_at is None or time.monotonic() - self._tried_at > REOPEN_SECS
            if self._sandbox is None and due:
                name = None if self._backend == AUTO else self._backend
                try:
                    self._sandbox = await asyncio.get_running_loop().run_in_executor(
                        self._pool, self._open, name
                    )
                except SandboxUnavailable as error:
                    self._missing = str(error)
                    log.warning("Python metrics are skipped: %s", error)
                else:
                    log.info("Python metrics run in the sandbox %s", self._sandbox.backend)
                self._tried_at = time.monotonic()
            return self._sandbox

    async def _in_thread(
        self, sandbox: Sandbox, spec: MetricSpec, data: dict[str, Any], run: _Run
    ) -> ScriptResult:
        loop = asyncio.get_running_loop()

        def ask(asked: JudgeAsk) -> JudgeReply:
            if not run.ended:
                run.asking = asyncio.run_coroutine_threadsafe(run.answer(asked), loop)
                if run.ended:  # just now, and without seeing the question
                    run.asking.cancel()
                try:
                    return run.asking.result()
                except CancelledError:
                    pass
            return JudgeFailed(FailureCode.JUDGE_INTERRUPTED, "The server is stopping.", retryable=True)

        def work() -> ScriptResult:
            return sandbox.run(spec.custom_code, data, ask_judge=ask if run.judge is not None else None)

        self._runs.add(run)
        try:
            return await loop.run_in_executor(self._pool, work)
        finally:
            run.end()
            self._runs.discard(run)


def _priced(outcome: Outcome, result: ScriptResult, judge: NestedJudge | None) -> Outcome:
    extra = dict(outcome.extra)
    if result.printed:
        extra["printed"] = result.printed
    if result.judge_calls:
        extra["judge_calls"] = result.judge_calls
    if judge is None:
        return replace(outcome, extra=extra)
    return replace(outcome, extra=extra, usage=judge.usage, judge_model=judge.model)


def _read(spec: MetricSpec, result: ScriptResult) -> Outcome:
    match result:
        case ScriptOk(result=None):
            words = tuple(result.explanation) or (NO_RESULT_WORDS,)
            return Skipped(SkipReason.NOT_APPLICABLE, words, extra=result.extra or {})
        case ScriptOk():
            try:
                value = script_value(result.result, spec)
            except WrongValue as error:
                return Failed(
                    FailureCode.SCRIPT_ERROR, (str(error),), extra={"script_error": Code.BAD_RESULT.value}
                )
            return Scored(value, tuple(result.explanation), extra=result.extra or {})
        case ScriptFailed(code=Code.NO_JUDGE):
            return Skipped(SkipReason.NO_JUDGE, (NO_JUDGE,))
        case ScriptFailed():
            extra: dict[str, Any] = {"script_error": str(result.code)}
            if result.line is not None:
                extra["line"] = result.line
            return Failed(_code(result.code), (result.message,), retryable=result.retryable, extra=extra)
        case _:
            assert_never(result)


def _code(code: str) -> FailureCode:
    if code in LIMITS:
        return FailureCode.SCRIPT_LIMIT
    if code == Code.SANDBOX_LOST:
        return FailureCode.INTERNAL_ERROR
    if code in set(Code):
        return FailureCode.SCRIPT_ERROR
    return FailureCode(code)  # that of the judge's failure, which ended the script
