"""Loading a chunk: everything that evaluating its calls needs, as frozen values without a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from callgauge.domain.calls import AgentFacts, Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.flow.metrics import spec_of
from callgauge.flow.settle import read_outcome
from callgauge.formats import from_wire
from callgauge.store.models import CallLog, Chunk, MetricResult, MetricVersion


@dataclass(frozen=True, slots=True)
class CallWork:
    """One call and what is left to do for it."""

    call: Call
    specs: Sequence[MetricSpec]
    done: Mapping[int, Outcome]
    """What this rerun has stored already, by metric id."""


def load_calls(chunk: Chunk, specs: Sequence[MetricSpec], call_ids: Sequence[int]) -> list[CallWork]:
    """The given calls of a chunk, in their order; deleted ones are left out."""
    rows = {
        call.pk: call
        for call in CallLog.objects.filter(pk__in=call_ids, deleted_at=None).select_related(
            "payload", "agent"
        )
    }
    done: dict[int, dict[int, Outcome]] = {}
    for result in MetricResult.objects.filter(rerun_id=chunk.rerun_id, call_id__in=call_ids):
        done.setdefault(result.call_id, {})[result.metric_id] = read_outcome(result)
    return [
        CallWork(
            call=read_call(rows[call_id]),
            specs=[spec for spec in specs if spec.metric_id not in done.get(call_id, {})],
            done=done.get(call_id, {}),
        )
        for call_id in call_ids
        if call_id in rows
    ]


def load_specs(version_ids: Iterable[int]) -> list[MetricSpec]:
    wanted = list(version_ids)
    versions = {version.pk: version for version in MetricVersion.objects.filter(pk__in=wanted)}
    return [spec_of(versions[pk]) for pk in wanted if pk in versions]


def read_call(row: CallLog) -> Call:
    payload = row.payload
    agent = row.agent
    facts = (
        AgentFacts(id=0, name="")
        if agent is None
        else AgentFacts(
            id=agent.pk,
            name=agent.name,
            description=agent.description,
            language=agent.language,
            inbound=agent.inbound,
            contact_number=agent.contact_number,
        )
    )
    return Call(
        id=row.pk,
        call_id=row.call_id,
        agent=facts,
        turns=from_wire(json.loads(payload.turns)),
        timestamp=row.timestamp.isoformat().replace("+00:00", "Z"),
        duration_secs=row.duration_secs,
        ended_reason=row.call_ended_reason,
        topic=row.topic,
        metadata=json.loads(payload.metadata),
        dynamic_variables=json.loads(payload.dynamic_variables),
        recording_url=payload.voice_recording_url,
        content_hash=row.content_hash,
    )
