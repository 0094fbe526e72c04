"""Results and answers that quote a call as it was before it was redacted: what is hidden in it is hidden
there too."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from django.db.models import Model, QuerySet

from callgauge.domain.storable import storable_json
from callgauge.formats import from_wire
from callgauge.pii import Field, Redactor, known_values
from callgauge.store.models import (
    CallLog,
    CallOriginal,
    JudgeCall,
    MetricResult,
    WebhookDelivery,
    WebhookEvent,
)


def redactor_of(given: CallOriginal, fields: Collection[str]) -> Redactor:
    """Knows what was said of the caller beside the conversation; it learns the rest from `turns`."""
    values = known_values(
        json.loads(given.metadata),
        json.loads(given.dynamic_variables),
        {"customer_number": given.customer_number},
    )
    return Redactor([Field(one) for one in fields], values)


def hide_in_findings(call: CallLog, given: CallOriginal, fields: Collection[str]) -> None:
    """Of a call that was stored before; `given` is that call unredacted. The caller is in the transaction
    that redacts it. What an evaluation that is under way stores later is not changed."""
    told = WebhookDelivery.objects.filter(call=call, event=WebhookEvent.COMPLETED)
    found: tuple[tuple[QuerySet[Any], tuple[str, ...]], ...] = (
        (MetricResult.objects.filter(call=call), ("explanation", "extra")),
        (JudgeCall.objects.filter(call=call), ("answer",)),
        (told, ("facts",)),
    )
    if not any(rows.exists() for rows, _ in found):
        return
    redactor = redactor_of(given, fields)
    redactor.turns(from_wire(json.loads(given.turns)))
    for rows, columns in found:
        for row in rows.order_by("pk").only(*columns):
            _hide(row, columns, redactor)


def _hide(row: Model, columns: Collection[str], redactor: Redactor) -> None:
    changed = []
    for name in columns:
        before = json.loads(getattr(row, name))
        after = _texts(before, redactor)
        if after != before:
            setattr(row, name, storable_json(after))
            changed.append(name)
    if changed:
        row.save(update_fields=changed)


def _texts(value: Any, redactor: Redactor) -> Any:
    """Texts alone: in what we wrote ourselves a key called "name" is a tool's, not a person's."""
    match value:
        case str():
            return redactor.text(value)
        case list():
            return [_texts(item, redactor) for item in value]
        case dict():
            return {name: _texts(item, redactor) for name, item in value.items()}
        case _:
            return value
