"""Which calls: the filter language of lists, exports, reruns and alerts, in one place.

    {"operator": "and", "conditions": [
        {"field": "duration", "op": "gt", "value": 60},
        {"field": "metadata.tier", "op": "eq", "value": "gold"},
        {"field": "metric_evaluations.value", "metric_id": 12, "op": "eq", "value": false}]}

`read_filters` gives one condition on CallLog; whoever filters brings the scope, the order and the limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from callgauge.flow.errors import Invalid
from callgauge.flow.filters.compiling import MAX_VALUES, Compiler
from callgauge.flow.filters.fields import FIELDS, METADATA, METRIC
from callgauge.flow.filters.tree import MAX_CONDITIONS, MAX_DEPTH, MAX_LOOKUPS, FilterError, read_tree

__all__ = [
    "FIELDS",
    "MAX_CONDITIONS",
    "MAX_DEPTH",
    "MAX_LOOKUPS",
    "MAX_VALUES",
    "METADATA",
    "METRIC",
    "PARAMETER",
    "read_filters",
]

PARAMETER = "filters_v2"


def read_filters(
    raw: Any, projects: Iterable[int], *, now: datetime | None = None, parameter: str = PARAMETER
) -> Q:
    """The condition that a filter stands for.

    `raw` is JSON text or what was decoded from it. `projects` are the ids of the projects whose calls are
    looked at; it may be a lazy query, and is read only where the filter needs it. `now` is the moment that
    relative times count from. Raises Invalid under the name `parameter`, saying what cannot be used.

    The condition does not limit calls to the projects: begin with a query that does (flow.calls.calls_of).
    """
    try:
        return Compiler(projects, now or timezone.now()).node(read_tree(raw))
    except FilterError as error:
        raise Invalid.field(parameter, str(error)) from None
