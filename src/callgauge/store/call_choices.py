"""What calls can be filtered by, as found in the newest of them: values to choose from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from django.db.models import QuerySet

from callgauge.store.models import CallLog, CallMetadata

LOOKED_AT = 2_000
"""Newest calls; what none of them has is still found by a filter, but not offered."""
MOST_KEYS, MOST_VALUES = 100, 50
SUGGESTED = 20
PER_QUERY = 500


def newest_ids(calls: QuerySet[CallLog]) -> list[int]:
    return list(calls.order_by("-timestamp", "-id").values_list("pk", flat=True)[:LOOKED_AT])


def values_of(ids: Sequence[int], column: str) -> list[str]:
    """Of a text column of these calls, the most frequent first."""
    found: Counter[str] = Counter()
    for part in _parts(ids):
        found.update(
            CallLog.objects.filter(pk__in=part).exclude(**{column: ""}).values_list(column, flat=True)
        )
    return [value for value, _ in found.most_common(MOST_VALUES)]


def metadata_of(ids: Sequence[int]) -> dict[str, list[str]]:
    """Keys of the metadata of these calls with their values, both with the most frequent first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for part in _parts(ids):
        for key, text in CallMetadata.objects.filter(call_id__in=part).values_list("key", "text"):
            found[key][text] += 1
    keys = sorted(found, key=lambda key: (-found[key].total(), key))[:MOST_KEYS]
    return {key: [value for value, _ in found[key].most_common(MOST_VALUES)] for key in keys}


def suggestions(calls: QuerySet[CallLog], column: str, typed: str) -> list[str]:
    """Values of a text column that hold what was typed."""
    found = calls.exclude(**{column: ""})
    if typed:
        found = found.filter(**{f"{column}__icontains": typed})
    return list(found.order_by(column).values_list(column, flat=True).distinct()[:SUGGESTED])


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + PER_QUERY] for start in range(0, len(ids), PER_QUERY)]
