"""Measuring a bundle's call once more: the judge's answers come from the file, all else is computed anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from callgauge.domain.judging import (
    JudgeAnswer,
    JudgeInvalidAnswer,
    JudgeRequest,
    JudgeUnavailable,
    hash_of_request,
)
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Skipped, SkipReason
from callgauge.engine.dependencies import JUDGE
from callgauge.engine.evaluate import Ask, evaluate_call
from callgauge.engine.heard import NO_RECORDING, Hearing
from callgauge.engine.listening import Hearable, Stretch
from callgauge.engine.replay.bundle import Bundle

RunScriptWith = Callable[[MetricSpec, dict[str, Any], Ask | None], Awaitable[Outcome]]
"""Runs the metric's `custom_code` on its data; its questions to the judge go to what is given."""

_NOT_COMPUTED: Final[Mapping[str, str]] = {
    SkipReason.SAMPLED_OUT.value: "the call was not drawn for this metric",
    SkipReason.NO_JUDGE.value: "no judge was set",
    SkipReason.NO_SANDBOX.value: "the server had no sandbox",
    SkipReason.NO_AUDIO_JUDGE.value: "no judge could listen",
    SkipReason.RECORDING_TOO_LONG.value: "the recording was too long for a judge",
    SkipReason.DISABLED.value: "the metric was switched off",
    FailureCode.JUDGE_UNAVAILABLE.value: "the judge could not be reached",
    FailureCode.JUDGE_REFUSED.value: "the judge refused the request",
    FailureCode.JUDGE_INTERRUPTED.value: "the server stopped while the judge was asked",
    FailureCode.RECORDING_UNAVAILABLE.value: "the recording was not there",
    FailureCode.RECORDING_UNUSABLE.value: "the recording could not be measured",
    FailureCode.AUDIO_FAILED.value: "the recording could not be measured",
    FailureCode.INTERNAL_ERROR.value: "the server failed",
}
_TOLD: Final = ("outcome", "value", "reason", "low_trust", "explanation", "evidence")
_TOLD_OF_FAILURE: Final = ("outcome", "value", "reason")
"""A failure's words may hold times and places of the machine."""
MAX_LABEL_CHARS: Final = 255


class CannotReplay(Exception):
    """There is nothing to compute the score from. Says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    score: Mapping[str, Any]
    differences: Mapping[str, tuple[Any, Any]]
    """What is not as stored: stored, and now."""
    notes: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not self.differences


def told(outcome: Outcome) -> dict[str, Any]:
    """What is compared of a result."""
    found: dict[str, Any] = {
        "outcome": "scored",
        "value": None,
        "reason": "",
        "low_trust": False,
        "explanation": list(outcome.explanation),
        "evidence": [],
    }
    match outcome:
        case Scored():
            value = outcome.value.plain
            found["value"] = value[:MAX_LABEL_CHARS] if isinstance(value, str) else value
            found["low_trust"] = outcome.low_trust
            found["evidence"] = [asdict(one) for one in outcome.evidence]
        case Skipped():
            found |= {"outcome": "skipped", "reason": outcome.reason.value}
        case Failed():
            found |= {"outcome": "failed", "reason": outcome.code.value}
    return found


async def replay(bundle: Bundle, run_script: RunScriptWith | None) -> Replayed:
    """Asks nobody. Raises CannotReplay. `run_script` is needed where the metric has Python code only."""
    why = _NOT_COMPUTED.get(bundle.score["reason"])
    if why is not None:
        raise CannotReplay(f"Nothing was computed: {why}. The file says so, and there is no score to repeat.")
    answers, found = _Answers(bundle), list[Outcome]()
    data = {one.code: dict(one.data) for one in bundle.scripts}
    notes: list[str] = []

    async def run(spec: MetricSpec, given: dict[str, Any]) -> Outcome:
        assert run_script is not None
        stored = data.get(spec.custom_code)
        if stored is not None and stored != given:
            notes.append("Today's Callgauge would give the script other data; it ran on that of the file.")
        asks = answers.ask if JUDGE in spec.custom_code else None
        return await run_script(spec, given if stored is None else stored, asks)

    async def listen() -> Hearing:
        heard = bundle.heard
        if heard is None:
            answers.missing = "the analysis of the recording is not in the file"
            return Failed(FailureCode.RECORDING_UNAVAILABLE)
        return heard

    async def hear(spec: MetricSpec, stretch: Stretch) -> Hearable | Skipped | Failed:
        if bundle.recording is not None:
            return await bundle.recording.hear(spec, stretch)
        if bundle.call.has_recording:
            answers.missing = "which recording the judge heard is not in the file"
        return NO_RECORDING

    async def save(spec: MetricSpec, outcome: Outcome) -> None:
        found.append(outcome)

    await evaluate_call(
        bundle.call,
        [bundle.spec],
        ask=answers.ask,
        run_script=None if run_script is None else run,
        save=save,
        listen=listen if bundle.call.has_recording else None,
        hear=hear,
        known=bundle.reads,
        reasks=bundle.reasks,
    )
    score = told(found[0])
    if score["reason"] == SkipReason.NO_SANDBOX.value:
        raise CannotReplay("The metric is a script. " + " ".join(score["explanation"]))
    names = _TOLD_OF_FAILURE if bundle.score["outcome"] == score["outcome"] == "failed" else _TOLD
    differences = {
        name: (bundle.score[name], score[name]) for name in names if bundle.score[name] != score[name]
    }
    if differences and answers.missing:
        raise CannotReplay(f"The score cannot be computed again: {answers.missing}.")
    return Replayed(score, differences, (*notes, *answers.notes))


class _Answers:
    """The judge of a replay: it gives each question the answer that was given then."""

    def __init__(self, bundle: Bundle) -> None:
        self._by_request = {(one.request_hash, one.sample): one for one in bundle.questions}
        self._left = list(bundle.questions)
        self._fails = bundle.score["reason"] == FailureCode.JUDGE_INVALID_ANSWER.value
        self.missing = ""
        self.notes: list[str] = []

    async def ask(self, spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
        found = self._by_request.get((hash_of_request(request), sample))
        if found is None:
            # Our own words around the question may have changed since: the answer is still the answer.
            found = next((one for one in self._left if one.sample == sample), None)
            words = "Today's Callgauge would word the request otherwise; the answer is that to the old words."
            if found is not None and words not in self.notes:
                self.notes.append(words)
        if found is None:
            if self._fails:
                raise JudgeInvalidAnswer("The judge gave no usable answer.")
            self.missing = "an answer of the judge that it needs is not in the file"
            raise JudgeUnavailable("The file has no answer to this.")
        if found in self._left:
            self._left.remove(found)
        return JudgeAnswer(content=found.content, model=found.answered_by, usage=found.usage)
