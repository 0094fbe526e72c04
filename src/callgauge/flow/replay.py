"""A stored result as a replay bundle: what it was made from, put together from what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db.models import Q

from callgauge.audio import Analysis
from callgauge.domain.calls import Call, stable_hash
from callgauge.domain.judging import JudgeAnswer, JudgeInterrupted, JudgeRequest, hash_of_request
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.options import Options
from callgauge.domain.outcomes import Outcome, Scored, Usage, Value
from callgauge.engine import repeats
from callgauge.engine.dependencies import runs_code
from callgauge.engine.evaluate import evaluate_call
from callgauge.engine.forms import NEED_KNOWLEDGE
from callgauge.engine.heard import NO_RECORDING, Hearing
from callgauge.engine.identity import parts_hash, reads_hash, scorer_hash
from callgauge.engine.listening import asks_to_listen
from callgauge.engine.nested import SAMPLES
from callgauge.engine.replay import Bundle, Question, Recorded, Script, file_of
from callgauge.flow.calls import calls_of
from callgauge.flow.errors import Conflict, NotFound
from callgauge.flow.metrics import spec_of
from callgauge.flow.recordings.analyses import clues_of, standing
from callgauge.flow.reuse import models_told
from callgauge.flow.scope import Who, as_id
from callgauge.flow.settle import read_outcome
from callgauge.flow.work import read_calls
from callgauge.store.models import CallPayload, JudgeCall, JudgeCallState, MetricResult

MOST_NESTED: Final = 100
"""Questions of one script that are looked for."""
NO_QUERY: Final = "The recording's address is without its query, which may open it for anybody."
OTHER_SETTINGS: Final = (
    "The agent, the model or Callgauge itself is not as it was when this was measured. The result is "
    "computed from the stored answers all the same."
)
OTHER_READS: Final = "Not all results that the script read are known any more; newer ones stand in for them."


def find_result(who: Who, result_id: Any) -> MetricResult:
    """Raises NotFound for what is foreign, missing or no id at all."""
    number = as_id(result_id)
    rows = MetricResult.objects.select_related("metric", "version", "call")
    found = rows.filter(pk=number, call__in=calls_of(who)).first() if number else None
    if found is None:
        raise NotFound
    return found


def file_name(result: MetricResult) -> str:
    return f"callgauge-result-{result.pk}.json"


def replay_file(result: MetricResult) -> str:
    """The bundle of a result, as the text of a file. Raises Conflict where its call is not what it was, and
    where it was measured on personal data that nobody is shown."""
    redaction = CallPayload.objects.filter(pk=result.call_id).values_list("redaction", flat=True).first()
    if "measured" in (redaction or {}):
        raise Conflict(
            "This call is stored without personal data, and was measured on what was sent. That is not shown."
        )
    spec = spec_of(result.version)
    call = read_calls([result.call_id]).get(result.call_id)
    if call is None:
        raise Conflict("What is stored of this call cannot be read.")
    if result.parts_hash and parts_hash(spec, call.part_hashes) != result.parts_hash:
        raise Conflict("The call has changed since this was measured: what the result was made from is gone.")
    notes = []
    reads, exact = _reads(result, spec)
    if not exact:
        notes.append(OTHER_READS)
    if result.scorer_hash and scorer_hash(spec, models_told(spec), call.agent) != result.scorer_hash:
        notes.append(OTHER_SETTINGS)
    call, cut = _without_secrets(call, spec)
    if cut:
        notes.append(NO_QUERY)
    taken = _Taken(result, call, spec, reads)
    asyncio.run(taken.run())
    return file_of(
        Bundle(
            made_by=version("callgauge"),
            about=_about(result),
            hashes={
                "call": result.input_hash,
                "metric": result.version.content_hash,
                "scorer": result.scorer_hash,
                "parts": result.parts_hash,
                "reads": result.reads_hash,
                "prompt": result.prompt_hash,
            },
            score=_score(result),
            spec=spec,
            call=call,
            reads=reads,
            analysis=None if taken.analysis is None else taken.analysis.to_json(),
            recording=taken.recording,
            reasks=taken.reasks,
            questions=taken.questions,
            scripts=[Script(code, data) for code, data in taken.scripts.items()],
            notes=notes,
        )
    )


class _Taken:
    """A measurement in which nothing is asked and no script is run: it shows what would be."""

    def __init__(
        self, result: MetricResult, call: Call, spec: MetricSpec, reads: Mapping[str, Outcome]
    ) -> None:
        options: Options = settings.CALLGAUGE
        self.reasks = options.judge_reasks
        self._call, self._spec, self._reads = call, spec, reads
        self._answers = {(one.request_hash, one.sample): one for one in _answers(result)}
        self.scripts: dict[str, dict[str, Any]] = {}
        self.analysis: Analysis | None = None
        # Read here: the database is not to be asked from within an event loop.
        found = standing(call.id, clues_of(call)) if call.has_recording else None
        self._analysis = found.analysis if found is not None else None
        self.recording: Recorded | None = None
        if asks_to_listen(spec) and found is not None and found.audible is not None and found.duration_secs:
            channel = None if self._analysis is None else self._analysis.health.agent_channel
            self.recording = Recorded(found.audible.sha256, found.duration_secs, channel)

    @property
    def questions(self) -> list[Question]:
        return list(self._answers.values())

    async def run(self) -> None:
        await evaluate_call(
            self._call,
            [self._spec],
            ask=self._ask,
            run_script=self._run_script,
            save=self._saved,
            listen=self._listen if self._call.has_recording else None,
            hear=None if self.recording is None else self.recording.hear,
            known=self._reads,
            reasks=self.reasks,
        )

    async def _ask(self, spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
        key = (hash_of_request(request), sample)
        found = self._answers.get(key)
        if found is None:
            raise JudgeInterrupted("Not asked in these words.")
        self._answers[key] = replace(found, request=replace(request, open_sound=None))
        return JudgeAnswer(content=found.content, model=found.answered_by, usage=found.usage)

    async def _run_script(self, spec: MetricSpec, data: dict[str, Any]) -> Outcome:
        """As if it said yes, so that what a trigger stands before is seen too."""
        self.scripts[spec.custom_code] = data
        return Scored(Value(passed=True))

    async def _listen(self) -> Hearing:
        self.analysis = self._analysis
        return NO_RECORDING if self._analysis is None else self._analysis

    async def _saved(self, spec: MetricSpec, outcome: Outcome) -> None:
        return None


def _answers(result: MetricResult) -> Iterator[Question]:
    """The answers that were given for this result. A checkpoint does not say for which metric it was made,
    but its key is made of that."""
    rows = JudgeCall.objects.filter(rerun=result.rerun_id, call=result.call_id, state=JudgeCallState.DONE)
    samples = list(_samples())
    for row in rows.order_by("pk"):
        for sample in samples:
            key = stable_hash(
                row.rerun_id,
                row.call_id,
                result.input_hash,
                result.version_id,
                row.model,
                row.request_hash,
                sample,
            )
            if key == row.key:
                usage = Usage(
                    row.judge_requests, row.input_tokens, row.cached_tokens, row.output_tokens, row.cost_usd
                )
                yield Question(
                    sample, row.request_hash, row.model, row.answered_by, json.loads(row.answer), usage
                )
                break


def _samples() -> Iterator[int]:
    """Every number that a question of a metric or of its script can have."""
    options: Options = settings.CALLGAUGE
    again = max(options.judge_reasks, 4) + 1
    for nth in range(repeats.MOST):
        yield from range(nth * repeats.STRIDE, nth * repeats.STRIDE + again)
    for nth in range(1, MOST_NESTED):
        yield from range(nth * SAMPLES, nth * SAMPLES + again)


def _reads(result: MetricResult, spec: MetricSpec) -> tuple[dict[str, Outcome], bool]:
    """What a script could read of other metrics, and whether that is what it read."""
    if not runs_code(spec):
        return {}, True
    others = (
        MetricResult.objects.filter(call=result.call_id, metric__deleted_at=None)
        .exclude(metric=result.metric_id)
        .filter(Q(rerun__aside=False) | Q(rerun=result.rerun_id))
        .select_related("version")
        .order_by("pk")
    )
    best: dict[int, tuple[tuple[int, int], MetricResult]] = {}
    for row in others:
        mine = row.rerun_id == result.rerun_id or row.reused_by == result.rerun_id
        # Of the same rerun, else the newest from before it, else whatever there is.
        rank = (2 if mine else 1 if row.rerun_id < result.rerun_id else 0, row.pk)
        if row.metric_id not in best or rank > best[row.metric_id][0]:
            best[row.metric_id] = (rank, row)
    rows = [row for _, row in best.values()]
    found = {row.version.name: read_outcome(row) for row in rows}
    code_names = {row.version.name for row in rows if runs_code(spec_of(row.version))}
    return found, reads_hash(spec, found, code_names) == result.reads_hash


def _without_secrets(call: Call, spec: MetricSpec) -> tuple[Call, bool]:
    """Signed addresses open a recording; and what the metric does not read of the agent stays out."""
    parts = urlsplit(call.recording_url)
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    agent = call.agent if spec.built_in in NEED_KNOWLEDGE else replace(call.agent, knowledge=())
    return replace(call, recording_url=address, agent=agent), address != call.recording_url


def _about(result: MetricResult) -> dict[str, Any]:
    return {
        "id": result.pk,
        "call_log_id": result.call_id,
        "call_id": result.call.call_id,
        "metric_id": result.metric_id,
        "metric": result.metric.name,
        "version": result.version.number,
        "rerun_id": result.rerun_id,
        "judge_model": result.judge_model,
        "created_at": result.created_at.isoformat(),
        "cost_usd": result.cost_usd,
    }


def _score(result: MetricResult) -> dict[str, Any]:
    """In the words of `engine.replay.told`."""
    values: Sequence[Any] = (result.passed, result.number, result.label)
    return {
        "outcome": result.outcome,
        "value": next((value for value in values if value is not None), None),
        "reason": result.reason,
        "low_trust": result.low_trust,
        "explanation": json.loads(result.explanation),
        "evidence": json.loads(result.extra).get("evidence", []),
    }
