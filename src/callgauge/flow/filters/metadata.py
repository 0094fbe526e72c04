"""Conditions on one key of the metadata, put to the side table that holds it key by key."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q

from callgauge.domain.storable import is_storable
from callgauge.flow.call_metadata import MAX_KEY_CHARS, MAX_TEXT_CHARS, as_text
from callgauge.flow.filters.fields import LOOKUPS, METADATA, METADATA_OPS
from callgauge.flow.filters.operands import MAX_VALUE_CHARS, flag, number
from callgauge.flow.filters.tree import FilterError, Leaf, check_op, in_values
from callgauge.store.models import CallMetadata


def metadata_condition(leaf: Leaf) -> Q:
    """Raises FilterError."""
    key = leaf.field.removeprefix(METADATA)
    if not 0 < len(key) <= MAX_KEY_CHARS or not is_storable(key):
        raise FilterError(f"Name a key of 1 to {MAX_KEY_CHARS} characters after {METADATA}")
    check_op(leaf, METADATA_OPS)
    there = CallMetadata.objects.filter(call=OuterRef("pk"), key=key)
    try:
        if leaf.op == "isnull" or (leaf.value in (None, "") and leaf.op in ("eq", "neq")):
            unknown = leaf.op == "eq" or (leaf.op == "isnull" and flag(leaf.value))
            return ~Q(Exists(there)) if unknown else Q(Exists(there))
        if leaf.op == "neq":
            return ~Q(Exists(there.filter(_equal(leaf.value))))
        return Q(Exists(there.filter(_compared(leaf))))
    except FilterError:
        raise
    except ValueError as error:
        raise FilterError(f"The condition on {leaf.field} needs {error}.") from None


def _compared(leaf: Leaf) -> Q:
    if leaf.op == "eq":
        return _equal(leaf.value)
    if leaf.op == "in":
        values = in_values(leaf)
        texts = [_text(one)[:MAX_TEXT_CHARS] for one in values if not _is_number(one)]
        numbers = [number(one) for one in values if _is_number(one)]
        return Q(text__in=texts) | Q(number__in=numbers) if numbers else Q(text__in=texts)
    if leaf.op in ("gt", "gte", "lt", "lte"):
        return Q(**{f"number__{LOOKUPS[leaf.op]}": number(leaf.value)})
    return Q(**{f"text__{LOOKUPS[leaf.op]}": _text(leaf.value)})


def _equal(value: Any) -> Q:
    return Q(number=number(value)) if _is_number(value) else Q(text=_text(value)[:MAX_TEXT_CHARS])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    text = as_text(value)
    if text is None or not is_storable(text) or len(text) > MAX_VALUE_CHARS:
        raise ValueError(f"text of at most {MAX_VALUE_CHARS} ordinary characters, a number, true or false")
    return text
