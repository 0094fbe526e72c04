"""Call logs that are there: find, edit, delete."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.domain.storable import storable_json
from callgauge.flow.audit import record
from callgauge.flow.call_content import content_hash, put_transcript, read_transcript, spoken_secs
from callgauge.flow.call_fields import FieldReader
from callgauge.flow.call_metadata import index_metadata
from callgauge.flow.deferring import release
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.previews import forget_calls
from callgauge.flow.recordings.redacting import redact_again
from callgauge.flow.recordings.rows import forget
from callgauge.flow.redaction import fields_of, hide, restore, store_original
from callgauge.flow.rerun import evaluate_call_again, start_live
from callgauge.flow.scope import Who, as_id, require_change
from callgauge.flow.settle import hold_calls
from callgauge.formats import Parsed
from callgauge.store.models import (
    CallLog,
    CallMetadata,
    CallOriginal,
    CallPayload,
    DeferredCall,
    JudgeCall,
    MetricResult,
    Rerun,
    RerunKind,
    Review,
    WebhookDelivery,
)

EDITABLE = (
    "status",
    "feedback",
    "call_id",
    "transcript_type",
    "transcript_json",
    "timestamp",
    "duration",
    "call_ended_reason",
    "customer_number",
    "metadata",
    "dynamic_variables",
    "reevaluate_metrics",
)
STATUSES: Mapping[str, Mapping[str, bool]] = {
    "success": {"success": True, "is_reviewed": False},
    "failure": {"success": False, "is_reviewed": False},
    "reviewed_success": {"success": True, "is_reviewed": True},
    "reviewed_failure": {"success": False, "is_reviewed": True},
}
"""What a status that a person sets means. Only a reviewed one survives the next evaluation."""
MAX_DELETED = 10_000
"""Calls that one request may delete: they go in one transaction, and other writers wait for it."""
IDS_PER_QUERY = 500
IDS_NAMED = 20
"""Ids that an error names before it goes on to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEdit:
    """What a request changes of a call; what it does not mention stays as it is."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    """Of CallLog."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Merged into what is there, key by key at the top level, as are the dynamic variables."""
    dynamic_variables: Mapping[str, Any] = field(default_factory=dict)
    transcript: tuple[Any, Parsed] | None = None
    """As sent, and as read."""
    transcript_type: str = ""
    """As declared."""
    evaluate: bool = False

    def fields(self) -> list[str]:
        """What it changes, by name."""
        parts = ("metadata", "dynamic_variables", "transcript")
        return sorted([*self.columns, *(name for name in parts if getattr(self, name))])


def calls_of(key: Who) -> QuerySet[CallLog]:
    """The calls that a key may see."""
    calls = CallLog.objects.filter(deleted_at=None)
    if key.project_id is not None:
        return calls.filter(project_id=key.project_id)
    return calls.filter(project__organization_id=key.organization_id)


def find_call(key: Who, call_id: Any) -> CallLog:
    """Raises NotFound for what is foreign, missing or no id at all."""
    number = as_id(call_id)
    call = calls_of(key).filter(pk=number).first() if number else None
    if call is None:
        raise NotFound
    return call


def read_edit(data: Mapping[str, Any]) -> CallEdit:
    """An edit in the wire's words. Raises Invalid, naming every field at fault."""
    reader = FieldReader(data)
    for name in data:
        if name not in EDITABLE:
            reader.fault(str(name), "This field cannot be changed.")
    columns: dict[str, Any] = {}
    if "call_id" in data:
        columns["call_id"] = reader.text("call_id", 100, required=True)
    for name in ("call_ended_reason", "customer_number"):
        if name in data:
            columns[name] = reader.text(name, 100)
    if "feedback" in data:
        columns["feedback"] = reader.free_text("feedback")
    if reader.given("timestamp"):
        columns["timestamp"] = reader.timestamp("timestamp")
    if reader.given("duration"):
        columns["duration_secs"] = reader.minutes("duration")
    if reader.given("status"):
        status = STATUSES.get(reader.text("status", 32))
        if status is None:
            reader.fault("status", f"Write one of {', '.join(STATUSES)}.")
        else:
            columns |= {**status, "error_message": None}
    edit = CallEdit(
        columns=columns,
        metadata=reader.json_object("metadata"),
        dynamic_variables=reader.json_object("dynamic_variables"),
        transcript=_read_new_transcript(reader),
        transcript_type=reader.text("transcript_type", 32),
        evaluate=reader.flag("reevaluate_metrics"),
    )
    reader.check()
    return edit


def _read_new_transcript(reader: FieldReader) -> tuple[Any, Parsed] | None:
    kind = reader.text("transcript_type", 32)
    raw = reader.data.get("transcript_json")
    if raw is None:
        if kind:
            reader.fault("transcript_type", "Send transcript_json with it.")
        return None
    try:
        return raw, read_transcript(kind, raw)
    except Invalid as error:
        for name, messages in error.messages.items():
            for message in messages:
                reader.fault(name, message)
        return None


def edit_call(call: CallLog, edit: CallEdit) -> CallLog:
    """Apply an edit, all of it or nothing. Raises Invalid where the call id is another call's."""
    try:
        with transaction.atomic():
            return _edit(call.pk, edit)
    except IntegrityError:
        raise Invalid.field("call_id", "Another call of this project has this call_id.") from None


def _edit(pk: int, edit: CallEdit) -> CallLog:
    call = CallLog.objects.select_for_update().filter(pk=pk, deleted_at=None).first()
    if call is None:
        raise NotFound
    payload = CallPayload.objects.get(pk=pk)
    before, hears = call.content_hash, payload.redaction
    fields = fields_of(payload)
    restore(call, payload)
    if edit.transcript is not None:
        raw, parsed = edit.transcript
        put_transcript(payload, raw, parsed, declared=edit.transcript_type)
        payload.redaction = {}
        call.duration_secs = spoken_secs(parsed.turns) or call.duration_secs
    for name, value in edit.columns.items():
        setattr(call, name, value)
    for name, merged in (("metadata", edit.metadata), ("dynamic_variables", edit.dynamic_variables)):
        if merged:
            setattr(payload, name, storable_json(json.loads(getattr(payload, name)) | merged))
    taken = hide(call, payload, fields)
    call.content_hash = content_hash(call, payload)
    call.save()
    payload.save()
    store_original(call, payload, taken, before=hears)
    redact_again(call, hears)
    if edit.metadata:
        index_metadata(call.pk, payload.metadata)
    _evaluate(call, edit.evaluate, changed=call.content_hash != before)
    call.refresh_from_db()
    record("call.edited", call, fields=edit.fields())
    return call


def _evaluate(call: CallLog, asked: bool, *, changed: bool) -> None:
    """An evaluation under way measures content that is no longer there, and what it finds would not be
    shown: it is replaced. Otherwise a wish to evaluate while one is under way is ignored."""
    if asked and release(call.pk):
        return
    if changed and call.pending_rerun_id is not None:
        start_live(call)
    elif asked:
        evaluate_call_again(call)


def delete_call(call: CallLog, *, retain_evaluations: bool) -> None:
    with transaction.atomic():
        record("call.deleted", call, retain_evaluations=retain_evaluations)
        _delete([call.pk], retain_evaluations)


def delete_calls(
    key: Who, ids: Sequence[int], *, agent_id: int | None = None, retain_evaluations: bool
) -> None:
    """Delete the named calls, or none where one of them is foreign, missing or of another agent.

    Raises Invalid, and Forbidden for a viewer.
    """
    require_change(key)
    if not ids:
        raise Invalid.field("call_logs", "This list may not be empty.")
    if len(ids) > MAX_DELETED:
        raise Invalid.field("call_logs", f"Name at most {MAX_DELETED} calls at once.")
    calls = calls_of(key) if agent_id is None else calls_of(key).filter(agent_id=agent_id)
    with transaction.atomic():
        parts = [ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY)]
        known = {pk for part in parts for pk in calls.filter(pk__in=part).values_list("pk", flat=True)}
        missing = [pk for pk in ids if pk not in known]
        if missing:
            shown = ", ".join(map(str, missing[:IDS_NAMED]))
            more = f" and {len(missing) - IDS_NAMED} more" if len(missing) > IDS_NAMED else ""
            raise Invalid.field("call_logs", f"These call logs do not exist here: {shown}{more}.")
        record("call.deleted", list(calls.filter(pk__in=ids[:1])), **_deleted(ids, retain_evaluations))
        for part in parts:
            _delete(part, retain_evaluations)


def _deleted(ids: Sequence[int], retain_evaluations: bool) -> dict[str, Any]:
    return {"count": len(ids), "ids": list(ids), "retain_evaluations": retain_evaluations}


def forget_completely(ids: Collection[int]) -> None:
    """Delete calls with everything that was said and found. The caller is in a transaction, and has asked
    whoever must be asked."""
    _delete(ids, retain_evaluations=False)


def _delete(ids: Collection[int], retain_evaluations: bool) -> None:
    """What was said and who called goes either way; `retain_evaluations` leaves the row that results and
    reviews hang from, out of sight. The caller is in a transaction."""
    hold_calls(ids)  # first, as whoever stores answers and results of them does
    JudgeCall.objects.filter(call_id__in=ids).delete()  # their answers quote the call
    forget_calls(ids)
    CallMetadata.objects.filter(call_id__in=ids).delete()
    forget(ids)
    DeferredCall.objects.filter(call_id__in=ids).delete()
    WebhookDelivery.objects.filter(call_id__in=ids).delete()
    if retain_evaluations:
        CallPayload.objects.filter(pk__in=ids).delete()
        CallOriginal.objects.filter(pk__in=ids).delete()
        CallLog.objects.filter(pk__in=ids).update(
            deleted_at=timezone.now(), customer_number="", feedback="", pending_rerun_id=None
        )
        return
    Review.objects.filter(call_id__in=ids).delete()
    reruns = _reruns_of_their_own(ids)
    MetricResult.objects.filter(call_id__in=ids).delete()
    CallLog.objects.filter(pk__in=ids).delete()
    Rerun.objects.filter(pk__in=reruns).delete()


def _reruns_of_their_own(ids: Collection[int]) -> list[int]:
    """Evaluations that came with one of these calls and are over: with their chunks they would outlive it for
    ever. Found by their call, not by their results: where nothing was measured there are none."""
    over = Rerun.objects.filter(
        last_call_id__in=ids,
        kind__in=(RerunKind.LIVE, RerunKind.SHADOW),
        total_calls=1,
        finished_at__isnull=False,
    )
    return list(over.values_list("pk", flat=True))
