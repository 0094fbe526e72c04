"""What was found in a call before it was redacted quotes it: results and their verdict, judges' answers,
drafts that were tried, previews, what webhooks tell. What is hidden in the call is hidden there too.

Only where the call is quoted: times, names of models and metrics, values and what people wrote are left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.db.models import QuerySet

from callgauge.domain.storable import storable_json
from callgauge.flow.presenting.results import RESERVED
from callgauge.formats import from_wire
from callgauge.pii import Field, Redactor, known_values
from callgauge.store.models import (
    CallLog,
    CallOriginal,
    CallPayload,
    JudgeCall,
    LabCase,
    MetricPreview,
    MetricResult,
    WebhookDelivery,
    WebhookEvent,
)

Hide = Callable[[str], str]
_SAID: Final = ("turns", "metadata", "dynamic_variables")


@dataclass(frozen=True, slots=True)
class Said:
    """What a call has, or had, that can be quoted; JSON, as the columns have it."""

    turns: str
    metadata: str
    dynamic_variables: str
    customer_number: str

    @classmethod
    def of(cls, row: CallOriginal) -> Said:
        return cls(row.turns, row.metadata, row.dynamic_variables, row.customer_number)


def stored(call_id: int | None) -> list[Said]:
    """What is stored of a call now; nothing of one that is new."""
    if call_id is None:
        return []
    shown = CallPayload.objects.filter(pk=call_id).values_list(*_SAID, "call__customer_number")
    kept = CallOriginal.objects.filter(pk=call_id).values_list(*_SAID, "customer_number")
    return [Said(*row) for row in (*shown, *kept)]


def known_of(said: Iterable[Said]) -> dict[str, tuple[Field, ...]]:
    return known_values(*(value for one in said for value in _keyed(one)))


def _keyed(said: Said) -> Iterator[Any]:
    yield json.loads(said.metadata)
    yield json.loads(said.dynamic_variables)
    yield {"customer_number": said.customer_number}


def hide_in_findings(
    call: CallLog, said: Sequence[Said], fields: Collection[str], *, all_of_it: bool
) -> None:
    """`said`: all that findings may quote. Without `all_of_it` the call was redacted before, and only what it
    turns out to have had is looked for, wherever that was missed. The caller holds the call's row, in the
    transaction that redacts it. Of what is under way, see flow.late_findings."""

    @cache
    def hiding() -> Hide:
        """Made at the first text: most calls that are sent again have no findings yet."""
        redactor = Redactor([Field(one) for one in fields], known_of(said))
        for one in said:
            redactor.turns(from_wire(json.loads(one.turns)))
        return redactor.text if all_of_it else redactor.known_in

    @cache  # sentences repeat from rerun to rerun
    def hide(text: str) -> str:
        return hiding()(text)

    told = WebhookDelivery.objects.filter(call=call, event=WebhookEvent.COMPLETED)
    _change(CallPayload.objects.filter(pk=call.pk), {"rubric": _grounds}, hide)
    _change(MetricResult.objects.filter(call=call), {"explanation": _texts, "extra": _extra}, hide)
    _change(JudgeCall.objects.filter(call=call), {"answer": _answer}, hide)
    _change(told, {"facts": _facts}, hide)
    _change(LabCase.objects.filter(call=call), {"before": _answer, "after": _answer}, hide)
    _change_previews(call, hide)


def _change(rows: QuerySet[Any], columns: Mapping[str, Callable[[Any, Hide], Any]], hide: Hide) -> None:
    for pk, *values in rows.order_by("pk").values_list("pk", *columns):
        changed: dict[str, Any] = {}
        for (name, within), value in zip(columns.items(), values, strict=True):
            before = json.loads(value) if isinstance(value, str) else value
            after = within(before, hide)
            if after != before:
                changed[name] = storable_json(after) if isinstance(value, str) else after
        if changed:
            rows.filter(pk=pk).update(**changed)


def _change_previews(call: CallLog, hide: Hide) -> None:
    """One of them has results of several calls."""
    for preview in MetricPreview.objects.select_for_update().filter(project=call.project_id).order_by("pk"):
        results = [_stored_row(row, hide) if row["call_id"] == call.pk else row for row in preview.results]
        if results != preview.results:
            preview.results = results
            preview.save(update_fields=["results"])


# --- where each of them quotes ---------------------------------------------------------------------------


def _answer(value: Any, hide: Hide) -> Any:
    """A judge's answer, or what stands for a result elsewhere."""
    return _within(value, {"explanation": _texts, "evidence": _texts}, hide)


def _extra(value: Any, hide: Hide) -> Any:
    """All that a scorer has put there; of what the presentation adds, what a vote hides of the machine's."""
    if not isinstance(value, dict):
        return value
    return {
        name: _row(inner, hide) if name == "machine" else inner if name in RESERVED else _texts(inner, hide)
        for name, inner in value.items()
    }


def _row(value: Any, hide: Hide) -> Any:
    return _within(value, {"explanation": _texts, "extra": _extra}, hide)


def _stored_row(row: Mapping[str, Any], hide: Hide) -> dict[str, Any]:
    """As the columns of a result have it: JSON in text."""
    return {
        **row,
        "explanation": storable_json(_texts(json.loads(row["explanation"]), hide)),
        "extra": storable_json(_extra(json.loads(row["extra"]), hide)),
    }


def _grounds(value: Any, hide: Hide) -> Any:
    return [_answer(row, hide) for row in value] if isinstance(value, list) else value


def _facts(value: Any, hide: Hide) -> Any:
    return _within(value, {"evaluation": _evaluation}, hide)


def _evaluation(value: Any, hide: Hide) -> Any:
    return _within(value, {"metrics": lambda rows, hide: [_row(row, hide) for row in rows]}, hide)


def _within(value: Any, places: Mapping[str, Callable[[Any, Hide], Any]], hide: Hide) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: places[name](inner, hide) if name in places and inner is not None else inner
        for name, inner in value.items()
    }


def _texts(value: Any, hide: Hide) -> Any:
    """Texts alone: a key called "name" may be a tool's, and is not a person's."""
    match value:
        case str():
            return hide(value)
        case list():
            return [_texts(item, hide) for item in value]
        case dict():
            return {name: _texts(item, hide) for name, item in value.items()}
        case _:
            return value
