"""What measuring will take of a judge: requests, tokens, money and time, from what it took before.

Tokens come from the very requests that would be sent, built for a sample of the calls, and from how many
tokens this judge counted for requests like them. Without any history they are assumed, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import fmean
from typing import Final

from django.conf import settings
from django.db.models import Avg, Count, F, Q, Sum
from django.utils import timezone

from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.engine import repeats
from callgauge.engine.dependencies import runs_code
from callgauge.engine.faults import EngineError
from callgauge.engine.forms import prepared
from callgauge.engine.identity import may_ask
from callgauge.engine.judged import Prefix, build_request, call_prefix
from callgauge.engine.listening import asks_to_listen, stretch_of
from callgauge.flow.metrics import spec_of
from callgauge.flow.prices import price_of, sound_tokens_per_sec
from callgauge.flow.reuse import model_of, models_of
from callgauge.flow.work import read_calls
from callgauge.judge.adapter import Tokens
from callgauge.store.models import (
    JudgeCall,
    JudgeCallState,
    MetricResult,
    MetricVersion,
    Recording,
    ResultOutcome,
)

SAMPLE_CALLS: Final = 24
ENOUGH: Final = 20
"""Results from which on their average is believed."""
RECENT: Final = 500
"""Results and requests that are looked back at: what a judge took a year ago says little."""
TOKENS_PER_CHAR: Final = 0.25
"""Of English text, by the rule of thumb that OpenAI gives; only until a judge has counted some."""
OUTPUT_TOKENS: Final = 150
ANSWER_SECS: Final = 2.0
SEEN_RANGE: Final = (0.8, 1.2)
ASSUMED_RANGE: Final = (0.5, 2.0)
CACHE_KEPT: Final = timedelta(minutes=5)
"""Providers keep what they have read for five to ten minutes after it was last used."""
LEAST_CACHED_TOKENS: Final = 1_024
"""Shorter beginnings are not kept, by OpenAI, Anthropic and Gemini alike."""
USUAL_CALL_SECS: Final = 180.0
"""Of a recording that is not here yet, where the call's length is not known either."""
SECS_RANGE: Final = (0.6, 1.8)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`cost` is None where the price of a model is not known: unknown is not free."""

    requests: float = 0.0
    input_tokens: float = 0.0
    cached_tokens: float = 0.0
    output_tokens: float = 0.0
    cost_usd: float | None = 0.0
    secs: float = 0.0
    seen: int = 0
    """Earlier requests that it rests on; 0 where it is assumed."""

    def __add__(self, other: Estimate) -> Estimate:
        known = self.cost_usd is not None and other.cost_usd is not None
        asked = [one.seen for one in (self, other) if one.requests]
        return Estimate(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
            secs=self.secs + other.secs,
            seen=min(asked, default=0),
        )

    @property
    def spread(self) -> tuple[float, float]:
        """Factors for the least and the most money that is likely."""
        return SEEN_RANGE if self.seen >= ENOUGH else ASSUMED_RANGE

    @property
    def secs_range(self) -> tuple[float, float]:
        return self.secs * SECS_RANGE[0], self.secs * SECS_RANGE[1]


class Estimator:
    """For one project. Queries and built requests are shared by its metrics."""

    def __init__(self, project_id: int) -> None:
        self._project_id = project_id
        self._prefixes: dict[int, Prefix] = {}
        self._calls: dict[int, Call] = {}
        self._recorded: dict[int, float | None] = {}
        self._models: dict[str, _Model] = {}

    def of(self, spec: MetricSpec, call_ids: Sequence[int], *, together: int = 1) -> Estimate:
        """Of measuring the metric on these calls. `together`: judge metrics that are measured on them at the
        same time, of which all but the first find the call in the provider's cache."""
        model_name = models_of(spec)[-1] or model_of(spec)
        if not call_ids or not may_ask(spec) or not model_name:
            return Estimate()
        sample = _spread(call_ids, SAMPLE_CALLS)
        model = self._model(model_name, sample)
        requests = self._requests_each(spec) * len(call_ids)
        sizes = self._sizes(spec, sample)
        if spec.hears and spec.kind is MetricKind.LLM_JUDGE:
            # Calls without a recording, or with one that is too long, are not asked about.
            requests *= len(sizes) / len(sample)
        heard_secs = fmean(one.sound_secs for one in sizes) if sizes else self._script_hears(spec, sample)
        sound = requests * heard_secs * sound_tokens_per_sec(model_name)
        if sizes:
            input_tokens = requests * fmean(one.chars for one in sizes) * model.tokens_per_char + sound
            cached = requests * fmean(model.cached_tokens(one, together) for one in sizes)
        else:
            input_tokens, cached = requests * model.input_tokens + sound, 0.0
        output = requests * (self._output_tokens(spec) or model.output_tokens)
        price = price_of(model_name)
        cost = None
        if price is not None:
            one = Tokens(
                input=round(input_tokens / requests) if requests else 0,
                cached=round(cached / requests) if requests else 0,
                output=round(output / requests) if requests else 0,
                sound=round(sound / requests) if requests else 0,
            )
            cost_of_one = price(one)
            cost = None if cost_of_one is None else cost_of_one * requests
        secs = requests * model.answer_secs / settings.CALLGAUGE.judge_concurrency
        return Estimate(requests, input_tokens, cached, output, cost, secs, model.seen)

    def _requests_each(self, spec: MetricSpec) -> float:
        """Per call: as often as the question is asked, or as the same version did before where only a run
        can tell (a script, a trigger)."""
        try:
            asked = float(repeats.wanted(spec)) if spec.kind is MetricKind.LLM_JUDGE else 1.0
        except EngineError:
            return 0.0
        if spec.kind is MetricKind.LLM_JUDGE and not runs_code(spec):
            return asked
        seen = self._history(Q(version_id=spec.version_id))
        if seen["count"] < ENOUGH:
            seen = self._history(Q(metric_id=spec.metric_id))
        return seen["requests"] / seen["count"] if seen["count"] >= ENOUGH else asked

    def _output_tokens(self, spec: MetricSpec) -> float | None:
        for which in (Q(version_id=spec.version_id), Q(metric_id=spec.metric_id)):
            seen = self._history(which)
            if seen["requests"] and seen["count"] >= ENOUGH:
                return float(seen["output"] / seen["requests"])
        return None

    def _history(self, which: Q) -> Mapping[str, int]:
        recent = (
            MetricResult.objects.filter(which, call__project_id=self._project_id)
            .exclude(outcome=ResultOutcome.FAILED)
            .exclude(reason__in=["sampled_out", "no_judge", "no_sandbox"])
            .order_by("-id")[:RECENT]
        )
        found = recent.aggregate(
            count=Count("id"), requests=Sum("judge_requests"), output=Sum("output_tokens")
        )
        return {name: value or 0 for name, value in found.items()}

    def _sizes(self, spec: MetricSpec, call_ids: Sequence[int]) -> list[_Size]:
        """Of the requests; empty where the metric's words come from a script."""
        if spec.kind is not MetricKind.LLM_JUDGE:
            return []
        self._load(call_ids)
        sizes = [self._size(spec, call_id) for call_id in call_ids if call_id in self._calls]
        return [size for size in sizes if size is not None]

    def _size(self, spec: MetricSpec, call_id: int) -> _Size | None:
        """None where this call is not asked about."""
        call = self._calls[call_id]
        try:
            ready = prepared(call, spec)
            if not isinstance(ready, MetricSpec):
                return None
            if call_id not in self._prefixes:
                self._prefixes[call_id] = call_prefix(call)
            request = build_request(call, ready, prefix=self._prefixes[call_id])
            heard = self._heard_secs(call, ready) if ready.hears else 0.0
        except EngineError:
            return None
        if heard is None:
            return None
        *shared, question = (len(message.text) for message in request.messages)
        return _Size(sum(shared) + question, sum(shared), heard)

    def _heard_secs(self, call: Call, spec: MetricSpec) -> float | None:
        """None where nothing of the call's recording would be sent."""
        if not call.has_recording:
            return None
        duration = self._recorded.get(call.id) or call.duration_secs or USUAL_CALL_SECS
        part = stretch_of(spec).within(duration)
        if part is None or part[1] - part[0] > settings.CALLGAUGE.judge_audio_secs:
            return None
        return part[1] - part[0]

    def _script_hears(self, spec: MetricSpec, call_ids: Sequence[int]) -> float:
        """Seconds per question of a script that may have a judge listen: as if each were about the whole
        recording, because only a run can tell."""
        if spec.kind is MetricKind.LLM_JUDGE or not asks_to_listen(spec):
            return 0.0
        self._load(call_ids)
        calls = [self._calls[call_id] for call_id in call_ids if call_id in self._calls]
        whole = replace(spec, configuration={})
        return fmean([self._heard_secs(call, whole) or 0.0 for call in calls] or [0.0])

    def _load(self, call_ids: Sequence[int]) -> None:
        missing = [call_id for call_id in call_ids if call_id not in self._calls]
        if missing:
            self._calls.update(read_calls(missing))
            recordings = Recording.objects.filter(pk__in=missing, file__isnull=False)
            self._recorded.update(recordings.values_list("pk", "file__duration_secs"))

    def _model(self, name: str, sample: Sequence[int]) -> _Model:
        if name not in self._models:
            self._models[name] = self._look_back(name, sample)
        return self._models[name]

    def _look_back(self, name: str, sample: Sequence[int]) -> _Model:
        """What this model counted and took lately in this project; first of the very calls of the sample."""
        rows = MetricResult.objects.filter(
            call__project_id=self._project_id,
            judge_requests__gt=0,
            input_tokens__gt=0,
            version__kind=MetricKind.LLM_JUDGE,
            version__trigger_code="",
            version__audio_enabled=False,
        ).exclude(outcome=ResultOutcome.FAILED)
        if not name.startswith("scripted"):
            rows = rows.filter(judge_model=name)
        seen = list(rows.filter(call_id__in=sample).order_by("-id")[:RECENT]) or list(
            rows.order_by("-id")[: SAMPLE_CALLS * 4]
        )
        if not seen:
            return _Model(answer_secs=self._answer_secs(name) or ANSWER_SECS)
        self._load(sorted({row.call_id for row in seen}))
        wanted = {row.version_id for row in seen}
        specs = {version.pk: spec_of(version) for version in MetricVersion.objects.filter(pk__in=wanted)}
        chars = tokens = 0
        for row in seen:
            call = self._calls.get(row.call_id)
            if call is None or call.content_hash != row.input_hash:
                continue
            size = self._size(specs[row.version_id], row.call_id)
            if size is not None:
                chars += size.chars * row.judge_requests
                tokens += row.input_tokens
        requests = sum(row.judge_requests for row in seen)
        input_tokens = sum(row.input_tokens for row in seen)
        return _Model(
            tokens_per_char=tokens / chars if chars else TOKENS_PER_CHAR,
            input_tokens=input_tokens / requests,
            output_tokens=sum(row.output_tokens for row in seen) / requests,
            caches=any(row.cached_tokens for row in seen),
            is_warm=timezone.now() - max(row.created_at for row in seen) < CACHE_KEPT,
            answer_secs=self._answer_secs(name) or ANSWER_SECS,
            seen=requests if chars else 0,
        )

    def _answer_secs(self, name: str) -> float | None:
        calls = JudgeCall.objects.filter(
            model=name,
            rerun__project_id=self._project_id,
            state=JudgeCallState.DONE,
            finished_at__isnull=False,
        ).order_by("-id")[:RECENT]
        taken = calls.aggregate(mean=Avg(F("finished_at") - F("started_at")))["mean"]
        return taken.total_seconds() if taken is not None else None


@dataclass(frozen=True, slots=True)
class _Size:
    """Of one request, in characters."""

    chars: int
    shared: int
    """What all questions about the call begin with."""
    sound_secs: float = 0.0


@dataclass(frozen=True, slots=True)
class _Model:
    tokens_per_char: float = TOKENS_PER_CHAR
    input_tokens: float = 2_000.0
    output_tokens: float = OUTPUT_TOKENS
    caches: bool = False
    """It has counted tokens from its cache before."""
    is_warm: bool = False
    """It was asked about these calls a moment ago."""
    answer_secs: float = ANSWER_SECS
    seen: int = 0

    def cached_tokens(self, size: _Size, together: int) -> float:
        tokens = size.shared * self.tokens_per_char
        if not self.caches or tokens < LEAST_CACHED_TOKENS:
            return 0.0
        return tokens if self.is_warm else tokens * (together - 1) / together


def _spread(call_ids: Sequence[int], most: int) -> list[int]:
    """Evenly over the whole: calls of one day are alike."""
    if len(call_ids) <= most:
        return list(call_ids)
    return [call_ids[place * len(call_ids) // most] for place in range(most)]
