"""Which results still hold: measured by the same scorer, from the same parts of the same call.

Both the plan and the work ask here, so that a plan says what will then be done. Any result that was ever
stored can hold again: rolling a metric back, or taking a shadow into use, costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from django.conf import settings
from django.db.models import Q

from callgauge.domain.calls import AgentFacts
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.options import Options
from callgauge.domain.outcomes import Outcome, SkipReason
from callgauge.engine.dependencies import in_circle, runs_code, waiting_for
from callgauge.engine.identity import may_ask, part_hashes, parts_hash, reads_hash, scorer_hash
from callgauge.engine.listening import asks_to_listen
from callgauge.engine.transcription import TRANSCRIBES
from callgauge.flow.judge_settings import CHOICE, hearing_model, listed_models, wished
from callgauge.flow.settle import read_outcome
from callgauge.store.models import CallLog, CallPayload, MetricResult, ResultOutcome, Reuse

_OF_THE_SERVER: Final = frozenset(
    {
        SkipReason.NO_SANDBOX.value,
        SkipReason.NO_JUDGE.value,
        SkipReason.NO_REFERENCE.value,
        SkipReason.NO_AUDIO_JUDGE.value,
        SkipReason.RECORDING_TOO_LONG.value,
    }
)
"""Skipped for what the server lacked, not for anything of the call: tried again each time."""


class State(StrEnum):
    """How a metric stands on a call, before it is measured again."""

    NEW = "new"
    CHANGED = "changed"
    FAILED = "failed"
    CURRENT = "current"


class Because(StrEnum):
    """What is not as it was; empty where nothing is."""

    NOTHING = ""
    METRIC = "metric"
    """Its wording, code or settings, the judge's model, our prompts, or the agent's facts."""
    CALL = "call"
    READS = "reads"
    """Another metric whose result it reads."""


class StoredResult(NamedTuple):
    """As much of a stored result as is needed to tell whether it holds."""

    pk: int
    call_id: int
    metric_id: int
    version_id: int
    outcome: str
    passed: bool | None
    number: float | None
    label: str | None
    reason: str
    retryable: bool
    is_current: bool
    is_stale: bool
    input_hash: str
    scorer_hash: str
    parts_hash: str
    reads_hash: str
    explanation: str = "[]"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there of one metric on one call. `row` can be taken over where the state is `current`."""

    state: State
    because: Because = Because.NOTHING
    row: StoredResult | None = None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call as far as it has to be known for this."""

    id: int
    content_hash: str
    agent: AgentFacts
    part_hashes: Callable[[], Mapping[str, str]]
    """Asked only where the call's content is not what was measured."""


def model_of(spec: MetricSpec) -> str:
    """The model that a metric asks, by the settings; for one that listens, empty where none does."""
    if spec.built_in in TRANSCRIBES:
        return str(settings.CALLGAUGE.stt)
    chosen = spec.configuration.get(CHOICE)
    options: Options = settings.CALLGAUGE
    if spec.hears and spec.kind is MetricKind.LLM_JUDGE:
        own = [options.judge, *listed_models(options)]
        return hearing_model(chosen, spec.llm_provider, own, options.judge_audio_models)
    if isinstance(chosen, str) and chosen.strip():
        return chosen.strip()
    return wished(spec.llm_provider, options.judge, listed_models(options)) or options.judge


def models_of(spec: MetricSpec) -> Sequence[str]:
    """All judges that a metric may ask: a script also the one that listens."""
    model = model_of(spec)
    if spec.kind is MetricKind.LLM_JUDGE or not asks_to_listen(spec):
        return [model]
    return [model, model_of(replace(spec, kind=MetricKind.LLM_JUDGE, hears=True))]


def models_told(spec: MetricSpec) -> str:
    """They as one text, for `engine.identity`."""
    return " ".join(models_of(spec))


class Standings:
    """For the metrics of one rerun. `known`, where it is given, has the current results by call and name."""

    def __init__(self, specs: Sequence[MetricSpec]) -> None:
        self.specs = specs
        self._waits = waiting_for(specs)
        self._lost = in_circle(self._waits)
        self._models = {spec.version_id: models_told(spec) for spec in specs}
        self._scorers: dict[tuple[int, int], str] = {}

    @cached_property
    def order(self) -> Sequence[int]:
        """Positions so that each metric comes after those whose results it reads."""
        placed: list[int] = []
        left = [place for place in range(len(self.specs)) if place not in self._lost]
        while left:
            ready = [place for place in left if not (self._waits[place] - set(placed) - self._lost)]
            placed += ready
            left = [place for place in left if place not in ready]
        return [*placed, *self._lost]

    @cached_property
    def read_results(self) -> bool:
        """Whether any metric reads others' results."""
        return any(runs_code(spec) for spec in self.specs)

    def load(
        self,
        call_ids: Collection[int],
        agents: Collection[AgentFacts],
        *,
        rerun_id: int = 0,
        explained: bool = True,
        specs: Sequence[MetricSpec] | None = None,
    ) -> dict[tuple[int, int], list[StoredResult]]:
        """By call and metric: all that today's scorers made, the newest last, and then the current result.
        Results of the rerun itself are left out; without `explained`, explanations are too. `specs`: those
        that matter, where not all do."""
        specs = self.specs if specs is None else specs
        scorers = {self.scorer(spec, agent) for spec in specs for agent in agents}
        columns = StoredResult._fields if explained else StoredResult._fields[:-1]
        rows = (
            MetricResult.objects.filter(
                Q(is_current=True) | Q(scorer_hash__in=scorers),
                call_id__in=call_ids,
                metric_id__in={spec.metric_id for spec in specs},
            )
            .exclude(rerun_id=rerun_id)
            .order_by("is_current", "id")
            .values_list(*columns)
        )
        found: dict[tuple[int, int], list[StoredResult]] = defaultdict(list)
        for row in rows.iterator(chunk_size=5000):
            found[row[1], row[2]].append(StoredResult(*row))
        return found

    def scorer(self, spec: MetricSpec, agent: AgentFacts) -> str:
        key = (spec.version_id, agent.id)
        if key not in self._scorers:
            self._scorers[key] = scorer_hash(spec, self._models[spec.version_id], agent)
        return self._scorers[key]

    def of_call(
        self,
        call: CallFacts,
        stored: Mapping[tuple[int, int], Sequence[StoredResult]],
        known: Mapping[str, Outcome],
        code_names: Collection[str],
        takes: Callable[[MetricSpec, Standing], bool],
    ) -> dict[int, Standing]:
        """By metric. `takes` says whether a rerun would leave such a result as it is; whatever reads one
        that it would not is measured again too."""
        found: dict[int, Standing] = {}
        results = dict(known)
        again: set[int] = set()
        for place in self.order:
            spec = self.specs[place]
            rows = stored.get((call.id, spec.metric_id), ())
            if place in self._lost or self._waits[place] & again:
                standing = _standing_still(rows, Because.READS)
            else:
                reads = reads_hash(spec, results, code_names)
                standing = self._of_metric(spec, call, rows, reads)
            found[spec.metric_id] = standing
            if takes(spec, standing):
                assert standing.row is not None
                results[spec.name] = read_outcome(standing.row)
            else:
                again.add(place)
        return found

    def _of_metric(
        self, spec: MetricSpec, call: CallFacts, rows: Sequence[StoredResult], reads: str
    ) -> Standing:
        """`rows`: the current one last."""
        if not rows:
            return Standing(State.NEW)
        scorer = self.scorer(spec, call.agent)
        parts: str | None = None
        because = Because.METRIC
        for row in reversed(rows):
            if row.outcome == ResultOutcome.FAILED or row.is_stale or row.reason in _OF_THE_SERVER:
                continue
            if row.scorer_hash != scorer:
                continue
            if row.reads_hash != reads:
                because = Because.READS
                continue
            if row.input_hash != call.content_hash:
                parts = parts_hash(spec, call.part_hashes()) if parts is None else parts
                if row.parts_hash != parts:
                    because = Because.CALL
                    continue
            return Standing(State.CURRENT, row=row)
        newest = rows[-1]
        if newest.outcome == ResultOutcome.FAILED or newest.is_stale:
            return Standing(State.FAILED, row=newest)
        return Standing(State.CHANGED, because, newest)


def _standing_still(rows: Sequence[StoredResult], because: Because) -> Standing:
    return Standing(State.CHANGED, because, rows[-1]) if rows else Standing(State.NEW)


def may_take_over(reuse: str, spec: MetricSpec) -> bool:
    """Whether a rerun leaves any result of the metric as it is."""
    return reuse == Reuse.CURRENT or not may_ask(spec)


def takes_over(reuse: str) -> Callable[[MetricSpec, Standing], bool]:
    """Which standing results a rerun leaves as they are."""

    def takes(spec: MetricSpec, standing: Standing) -> bool:
        return standing.state is State.CURRENT and may_take_over(reuse, spec)

    return takes


def stored_parts(row: CallLog, payload: CallPayload) -> Mapping[str, str]:
    measured = payload.redaction.get("measured", "")
    return part_hashes(
        turns=payload.turns + measured,
        metadata=payload.metadata + measured,
        variables=payload.dynamic_variables + measured,
        recording=(payload.voice_recording_url, row.testing_channel_index),
        duration=row.duration_secs,
        facts=(row.timestamp.isoformat(), row.call_ended_reason, row.topic),
    )
