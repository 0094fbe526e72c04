"""The worker's side of labs: claim one, see what is left of it, store each part as it comes, end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, Outcome, Scored, SkipReason, Usage
from callgauge.engine.proposals import Proposal, ProposalCase
from callgauge.flow import errands
from callgauge.flow.labs import Ending, end, is_right, wording_column
from callgauge.flow.late_findings import withheld, without_words
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import spec_of
from callgauge.flow.work import CallWork, load_apart
from callgauge.store.models import (
    ErrandState,
    JudgeCall,
    JudgeCallState,
    Lab,
    LabCase,
    LabKind,
    MetricVersion,
)
from callgauge.store.turns import write_turn

_INAPPLICABLE = (SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value)


@dataclass(frozen=True, slots=True)
class LabWork:
    pk: int
    kind: LabKind
    asks_for: MetricSpec
    """The version that the proposal is about."""
    draft: MetricSpec | None
    """What to measure; None until it is proposed."""
    shown: Sequence[ProposalCase]
    cases: Sequence[tuple[int, CallWork]]
    """Those that have not been measured yet: case id and call."""
    give_up: bool


def claim_lab(owner: str) -> LabWork | None:
    """The oldest lab that nobody works on. The caller is in no transaction."""
    return errands.claim_loaded(
        Lab, owner, lambda lab: load_lab(lab.pk), lambda pk: end_lab(owner, pk, Ending.LOST)
    )


def load_lab(pk: int) -> LabWork:
    """What is left to do."""
    lab = Lab.objects.select_related("version").get(pk=pk)
    cases = list(lab.cases.select_related("call").order_by("id"))
    calls = {
        work.call.id: work for work in load_apart([case.call_id for case in cases], spec_of(lab.version))
    }
    draft = None if lab.draft is None else spec_of(MetricVersion(pk=0, metric_id=0, **_columns(lab)))
    measures = draft is not None and not lab.skip_evaluation
    return LabWork(
        pk=pk,
        kind=LabKind(lab.kind),
        asks_for=spec_of(lab.version),
        draft=draft,
        shown=[
            ProposalCase(
                call=calls[case.call_id].call,
                expected=case.expected_value,
                machine=(case.before or {}).get("value"),
                is_wrong=not is_right(lab, case.expected_value, case.before),
                explanation=(case.before or {}).get("explanation", ()),
                note=case.note,
            )
            for case in cases
            if case.is_shown and case.call_id in calls
        ],
        cases=[
            (case.pk, calls[case.call_id])
            for case in cases
            if measures and not case.is_shown and case.after is None and case.call_id in calls
        ],
        give_up=lab.attempts > errands.MAX_ATTEMPTS,
    )


def _columns(lab: Lab) -> dict[str, Any]:
    """Of the draft; its hash tells its questions from those of every version."""
    assert lab.draft is not None
    return {**lab.draft, "content_hash": stable_hash("draft", lab.uid, lab.draft)}


def store_case(owner: str, lab_id: int, case_id: int, call: CallWork, outcome: Outcome) -> None:
    """What the draft makes of a call; nothing where another owner has the lab now."""
    with write_turn(), transaction.atomic():
        if _mine(owner, lab_id).update(attempts=0):
            if withheld([(call.call.id, call.call.content_hash)]):
                outcome = without_words(outcome)
                JudgeCall.objects.filter(lab=lab_id, call=call.call.id, state=JudgeCallState.DONE).delete()
            LabCase.objects.filter(pk=case_id, after__isnull=True).update(after=_row(outcome))


def store_proposal(owner: str, lab_id: int, proposal: Proposal, usage: Usage) -> bool:
    """Keep a proposed wording. False where it changes nothing, and the lab ends with that."""
    with write_turn(), transaction.atomic():
        lab = _mine(owner, lab_id).select_for_update().select_related("version").first()
        if lab is None:
            return False
        version = lab.version
        column = wording_column(version)
        lab.summary, lab.usage = list(proposal.summary), asdict(usage)
        changes = proposal.description != getattr(version, column).strip()
        if changes:
            lab.draft = {name: getattr(version, name) for name in FROZEN} | {column: proposal.description}
            lab.attempts = 0
        else:
            end(lab, Ending.NO_CHANGE)
        lab.save()
        # Its answer may quote several calls, and must not outlive one of them; the proposal itself is kept.
        lab.judge_calls.filter(call=None).delete()
    return bool(changes)


def end_lab(owner: str, pk: int, ending: Ending | None = None) -> None:
    """`ending`: why it failed."""
    with write_turn(), transaction.atomic():
        lab = _mine(owner, pk).select_for_update().first()
        if lab is None:
            return
        if ending is None:
            lab.state, lab.ended_at, lab.lease_until = ErrandState.COMPLETED, timezone.now(), None
        else:
            end(lab, ending)
        lab.save(update_fields=["state", "reason", "ended_at", "lease_until"])


def hand_back_lab(owner: str, pk: int) -> None:
    _mine(owner, pk).update(state=ErrandState.QUEUED, owner="", lease_until=None, attempts=0)


def _mine(owner: str, pk: int) -> QuerySet[Lab]:
    return errands.held(Lab, owner, pk)


def _row(outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = {
        "explanation": list(outcome.explanation),
        "usage": asdict(outcome.usage),
        "judge_model": outcome.judge_model,
    }
    match outcome:
        case Scored():
            return {**row, "outcome": "scored", "value": outcome.value.plain}
        case Failed():
            return {**row, "outcome": "failed", "code": outcome.code.value}
        case _:
            row = {**row, "outcome": "skipped", "reason": outcome.reason.value}
            return {**row, "value": None} if outcome.reason.value in _INAPPLICABLE else row
