"""Loading a chunk: everything that evaluating its calls needs, as frozen values without a database."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length

from callgauge.domain.calls import AgentFacts, Call, Document
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.engine.dependencies import runs_code
from callgauge.engine.forms import NEED_KNOWLEDGE
from callgauge.flow.knowledge_base import documents_of
from callgauge.flow.metrics import spec_of
from callgauge.flow.recordings.links import recording_path
from callgauge.flow.recordings.rows import UPLOADED
from callgauge.flow.redaction import MEASURE
from callgauge.flow.reuse import CallFacts, Standings, may_take_over, stored_parts, takes_over
from callgauge.flow.sampling import stay_out
from callgauge.flow.settle import read_outcome
from callgauge.formats import from_wire
from callgauge.store.models import (
    Agent,
    CallLog,
    CallOriginal,
    CallPayload,
    Chunk,
    MetricResult,
    MetricVersion,
    Rerun,
    ResultOutcome,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reused:
    """A result that is left as it is: nothing that it depends on has changed."""

    spec: MetricSpec
    result_id: int
    scored: bool
    take_over: bool
    """It was displaced since and has to be made current again, or could be displaced by an older rerun."""


@dataclass(frozen=True, slots=True)
class CallWork:
    """One call and what is left to do for it."""

    call: Call
    specs: Sequence[MetricSpec]
    known: Mapping[str, Outcome]
    """Results of metrics that are not computed now, by name; only where a script may read them."""
    code_names: frozenset[str] = frozenset()
    """Which of `known` are scripts' results."""
    reused: Sequence[Reused] = ()
    sampled_out: Sequence[MetricSpec] = ()
    """Metrics that the call was left out of when it came in, and that it stays out of."""
    readable: bool = True
    """False where what is stored cannot be read; `call` then has neither turns nor variables."""


def sizes_of(call_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Id and stored size in characters of those calls that are still there, in their order."""
    size = Length("turns") + Length("metadata") + Length("dynamic_variables")
    payloads = CallPayload.objects.filter(call_id__in=call_ids, call__deleted_at=None)
    sizes = dict(payloads.annotate(size=size).values_list("call_id", "size"))
    return [(call_id, sizes[call_id]) for call_id in call_ids if call_id in sizes]


def load_calls(chunk: Chunk, specs: Sequence[MetricSpec], call_ids: Sequence[int]) -> list[CallWork]:
    """The given calls of a chunk, in their order; deleted ones are left out."""
    rows = {call.pk: call for call in _rows(call_ids)}
    stored = set(
        MetricResult.objects.filter(rerun_id=chunk.rerun_id, call_id__in=call_ids).values_list(
            "call_id", "version_id"
        )
        if specs
        else ()
    )
    reads = any(runs_code(spec) for spec in specs)
    known, code_names = known_results(chunk.rerun_id, call_ids) if reads else ({}, frozenset())
    out = stay_out(chunk.rerun, call_ids)
    agents = {row.agent_id for row in rows.values() if row.agent_id is not None}
    knowledge = documents_of(agents) if any(spec.built_in in NEED_KNOWLEDGE for spec in specs) else {}
    found = []
    for call_id in call_ids:
        if call_id not in rows:
            continue
        left = [spec for spec in specs if (call_id, spec.version_id) not in stored]
        call, readable = _read(rows[call_id], knowledge.get(rows[call_id].agent_id or 0, ()))
        found.append(
            CallWork(
                call=call,
                readable=readable,
                specs=[spec for spec in left if (call_id, spec.metric_id) not in out],
                known=known.get(call_id, {}),
                code_names=code_names,
                sampled_out=[spec for spec in left if (call_id, spec.metric_id) in out],
            )
        )
    return found if chunk.rerun.aside or not specs else _without_standing(chunk, specs, found)


def _without_standing(chunk: Chunk, specs: Sequence[MetricSpec], works: list[CallWork]) -> list[CallWork]:
    """Take out what need not be measured again. Nothing is looked up of metrics that are measured whatever
    is stored: each rerun so far has left a result of theirs."""
    taken = [spec for spec in specs if may_take_over(chunk.rerun.reuse, spec)]
    if not taken:
        return works
    standings = Standings(specs)
    agents = _unlike([work.call.agent for work in works])
    overlaps = _older_under_way(chunk.rerun)  # looked up first: it may end, and its results are then seen
    ids = [work.call.id for work in works]
    stored = standings.load(ids, agents, rerun_id=chunk.rerun_id, specs=taken)
    if not stored:
        return works
    takes = takes_over(chunk.rerun.reuse)
    found = []
    for work in works:
        if not work.readable or not work.specs:
            found.append(work)
            continue
        wanted = {spec.metric_id for spec in work.specs}
        parts = work.call.part_hashes
        facts = CallFacts(work.call.id, work.call.content_hash, work.call.agent, lambda parts=parts: parts)  # type: ignore[misc]
        by_metric = standings.of_call(facts, stored, work.known, work.code_names, takes)
        reused, known = [], dict(work.known)
        for spec in work.specs:
            standing = by_metric[spec.metric_id]
            if takes(spec, standing) and standing.row is not None:
                row = standing.row
                take = overlaps or not row.is_current
                reused.append(Reused(spec, row.pk, row.outcome == ResultOutcome.SCORED, take))
                known[spec.name] = read_outcome(row)
        kept = {one.spec.metric_id for one in reused}
        left = [spec for spec in work.specs if spec.metric_id in wanted - kept]
        found.append(replace(work, specs=left, reused=reused, known=known))
    return found


def _older_under_way(rerun: Rerun) -> bool:
    """Whether an older rerun may yet store results. What this one leaves as it is must then be marked as
    its own, or a late result of wording that is no longer in use would displace it."""
    older = Rerun.objects.filter(project_id=rerun.project_id, finished_at=None, pk__lt=rerun.pk)
    return older.filter(aside=False).exists()


def _unlike(agents: Sequence[AgentFacts]) -> list[AgentFacts]:
    found: dict[int, AgentFacts] = {agent.id: agent for agent in agents}
    return list(found.values())


def _rows(call_ids: Sequence[int]) -> QuerySet[CallLog]:
    """With `recording_state`, so that nobody looks for the recording of a call without one."""
    calls = CallLog.objects.filter(pk__in=call_ids, deleted_at=None).select_related("payload", "agent")
    return calls.annotate(recording_state=F("recording__state"))


def _read(row: CallLog, documents: Sequence[Document]) -> tuple[Call, bool]:
    try:
        return as_measured(row, read_call(row, documents)), True
    except Exception as error:  # noqa: BLE001 -- one damaged row must not keep a rerun from ending
        log.error("call %s cannot be read: %s", row.pk, type(error).__name__)
        return _bare(row), False


def as_measured(row: CallLog, call: Call) -> Call:
    """A redacted call as it was sent, where that is kept for metrics to read."""
    if not row.payload.redaction or settings.CALLGAUGE.redaction_originals != MEASURE:
        return call
    original = CallOriginal.objects.filter(pk=row.pk).first()
    if original is None:
        return call
    return replace(
        call,
        turns=from_wire(json.loads(original.turns)),
        metadata=json.loads(original.metadata),
        dynamic_variables=json.loads(original.dynamic_variables),
    )


def _bare(row: CallLog) -> Call:
    facts = AgentFacts(id=0, name="")
    return Call(id=row.pk, call_id=row.call_id, agent=facts, turns=(), content_hash=row.content_hash)


def load_missing(chunk: Chunk, specs: Sequence[MetricSpec]) -> list[CallWork]:
    """What a chunk lacks, without its payloads: for giving up on it."""
    results = MetricResult.objects.filter(rerun_id=chunk.rerun_id, call_id__in=chunk.call_ids)
    stored = set(results.values_list("call_id", "version_id"))
    rows = CallLog.objects.filter(pk__in=chunk.call_ids, deleted_at=None)
    return [
        CallWork(_bare(row), [spec for spec in specs if (row.pk, spec.version_id) not in stored], {})
        for row in rows
    ]


def load_apart(call_ids: Sequence[int], spec: MetricSpec) -> list[CallWork]:
    """Calls and their current results, for a metric that belongs to no rerun."""
    found = {row.pk: row for row in _rows(call_ids)}
    known, _ = known_results(None, call_ids)
    agents = {row.agent_id for row in found.values() if row.agent_id is not None}
    knowledge = documents_of(agents) if spec.built_in in NEED_KNOWLEDGE else {}
    works = []
    for call_id in call_ids:
        if call_id in found:
            call, readable = _read(found[call_id], knowledge.get(found[call_id].agent_id or 0, ()))
            works.append(CallWork(call, (), known.get(call_id, {}), readable=readable))
    return works


def known_results(
    rerun_id: int | None, call_ids: Sequence[int]
) -> tuple[dict[int, dict[str, Outcome]], frozenset[str]]:
    """Per call, every metric's newest result by name: this rerun's where it has one, else the current one.
    With the names of those that are scripts."""
    found: dict[int, dict[str, Outcome]] = {}
    code_names: set[str] = set()
    wanted = Q(is_current=True) if rerun_id is None else Q(is_current=True) | Q(rerun_id=rerun_id)
    results = (
        MetricResult.objects.filter(wanted, call_id__in=call_ids, metric__deleted_at=None)
        .select_related("version")
        .order_by("rerun_id")
    )
    for result in results:
        found.setdefault(result.call_id, {})[result.version.name] = read_outcome(result)
        if result.version.custom_code or result.version.trigger_code:
            spec = spec_of(result.version)
            code_names |= {spec.name} if runs_code(spec) else set()
    return found, frozenset(code_names)


def load_specs(version_ids: Iterable[int]) -> list[MetricSpec]:
    wanted = list(version_ids)
    versions = {version.pk: version for version in MetricVersion.objects.filter(pk__in=wanted)}
    return [spec_of(versions[pk]) for pk in wanted if pk in versions]


def read_calls(call_ids: Sequence[int]) -> dict[int, Call]:
    """Those of the calls that are there and can be read, by id."""
    rows = list(_rows(call_ids))
    knowledge = documents_of({row.agent_id for row in rows if row.agent_id is not None})
    read = {row.pk: _read(row, knowledge.get(row.agent_id or 0, ())) for row in rows}
    return {pk: call for pk, (call, readable) in read.items() if readable}


def agent_facts(agent: Agent | None, knowledge: Sequence[Document] = ()) -> AgentFacts:
    if agent is None:
        return AgentFacts(id=0, name="")
    return AgentFacts(
        id=agent.pk,
        name=agent.name,
        description=agent.description,
        language=agent.language,
        inbound=agent.inbound,
        contact_number=agent.contact_number,
        dropoff_nodes=agent.settings.get("dropoff_nodes"),
        topic_nodes=agent.settings.get("topic_nodes"),
        pronunciation_words=agent.settings.get("pronunciation_words"),
        knowledge=knowledge,
    )


def _recording_url(row: CallLog) -> str:
    """For scripts: the address that was sent, or where a recording that was uploaded is read with a key."""
    url = row.payload.voice_recording_url
    return recording_path(row.pk) if url.startswith(UPLOADED) else url


def read_call(row: CallLog, knowledge: Sequence[Document] = ()) -> Call:
    payload = row.payload
    return Call(
        id=row.pk,
        call_id=row.call_id,
        agent=agent_facts(row.agent, knowledge),
        turns=from_wire(json.loads(payload.turns)),
        timestamp=row.timestamp.isoformat().replace("+00:00", "Z"),
        duration_secs=row.duration_secs,
        ended_reason=row.call_ended_reason,
        topic=row.topic,
        metadata=json.loads(payload.metadata),
        dynamic_variables=json.loads(payload.dynamic_variables),
        recording_url=_recording_url(row),
        has_recording=getattr(row, "recording_state", None) is not None,
        content_hash=row.content_hash,
        part_hashes=stored_parts(row, payload),
    )
