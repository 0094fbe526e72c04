"""From a tree of conditions to one database condition on calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.lookups import IContains

from callgauge.flow.filters.fields import FIELDS, LOOKUPS, METADATA, METRIC, Field, listed
from callgauge.flow.filters.metadata import metadata_condition
from callgauge.flow.filters.metrics import Metrics, metric_condition
from callgauge.flow.filters.operands import flag
from callgauge.flow.filters.tree import (
    MAX_LOOKUPS,
    FilterError,
    Group,
    Leaf,
    check_op,
    in_values,
    shown,
)
from callgauge.store.models import Agent, CallPayload
from callgauge.store.resets import Resets, pending_resets

MAX_VALUES = 5_000
"""Values in all lists together; SQLite takes 32,766 in one statement."""


class Compiler:
    """For one tree. Asks the database only for what the tree names: metrics, and pending resets where it
    looks at `success`."""

    def __init__(self, projects: Iterable[int], now: datetime) -> None:
        self._projects = projects
        self._now = now
        self._known: list[int] | None = None
        self._resets: Resets | None = None
        self._values_left = MAX_VALUES
        self._lookups_left = MAX_LOOKUPS
        self._metrics = Metrics(self.projects)

    def projects(self) -> list[int]:
        if self._known is None:
            self._known = list(self._projects)
        return self._known

    def node(self, node: Leaf | Group) -> Q:
        if isinstance(node, Leaf):
            return self._metric([node]) if _is_metric(node) else self._leaf(node)
        parts: Sequence[Leaf | Group] = node.parts
        joined = Q()
        if node.operator == "and":
            together = [part for part in parts if isinstance(part, Leaf) and _is_open(part)]
            if together:
                joined &= self._metric(together)
                parts = [part for part in parts if part not in together]
            for part in parts:
                joined &= self.node(part)
            return joined
        for part in parts:
            joined |= self.node(part)
        return joined

    def _leaf(self, leaf: Leaf) -> Q:
        if leaf.field.startswith(METADATA):
            self._look_up()
            self._count_values(leaf)
            return metadata_condition(leaf)
        field = FIELDS.get(leaf.field)
        if field is None:
            raise FilterError(f"Calls cannot be filtered by {shown(leaf.field)}; use {listed()}.")
        check_op(leaf, field.ops)
        try:
            return self._condition(leaf, field)
        except FilterError:
            raise
        except ValueError as error:
            raise FilterError(f"The condition on {leaf.field} needs {error}.") from None

    def _metric(self, leaves: Sequence[Leaf]) -> Q:
        self._look_up()
        for leaf in leaves:
            self._count_values(leaf)
        return metric_condition(leaves, self._metrics)

    def _condition(self, leaf: Leaf, field: Field) -> Q:
        op, raw = leaf.op, leaf.value
        if op == "isnull" or (raw is None and op in ("eq", "neq")):
            wanted = op == "eq" or (op == "isnull" and flag(raw))
            unknown = Q(**{f"{field.column}__isnull": True})
            if field.empty is not None:
                unknown |= Q(**{field.column: field.empty})
            return self._believed(field, unknown if wanted else ~unknown, wanted)
        if op == "in":
            value = [field.kind.read(one, self._now) for one in self._count_values(leaf)]
        else:
            value = field.kind.read(raw, self._now)
        if op == "neq":
            return self._believed(field, ~self._compared(field, "eq", value), True)
        return self._believed(field, self._compared(field, op, value), False)

    def _compared(self, field: Field, op: str, value: Any) -> Q:
        lookup = f"{field.column}__{LOOKUPS[op]}"
        if field.column.startswith("agent__"):
            agents = Agent.objects.filter(
                project_id__in=self.projects(), **{lookup.removeprefix("agent__"): value}
            )
            return Q(agent_id__in=list(agents.values_list("pk", flat=True)[:MAX_VALUES]))
        if field.column.startswith("payload__"):
            self._look_up()
            # A value per call, not EXISTS: PostgreSQL would begin with the transcripts of everybody's calls.
            said = CallPayload.objects.filter(pk=OuterRef("pk")).values(
                field.column.removeprefix("payload__")
            )
            return Q(IContains(Subquery(said), value))
        return Q(**{lookup: value})

    def _believed(self, field: Field, condition: Q, holds_undecided: bool) -> Q:
        """Calls that a large rerun has reset although their rows do not say so yet count as undecided."""
        if field.column != "success":
            return condition
        if self._resets is None:
            self._resets = pending_resets(*self.projects())
        covered = self._resets.covered()
        if covered is None:
            return condition
        return condition | covered if holds_undecided else condition & ~covered

    def _count_values(self, leaf: Leaf) -> list[Any]:
        """The values of an `in`, which may be a list or text parted by commas; none for other operators."""
        if leaf.op != "in":
            return []
        values = in_values(leaf)
        self._values_left -= len(values)
        if self._values_left < 0:
            raise FilterError(f"At most {MAX_VALUES} values in lists.")
        return values

    def _look_up(self) -> None:
        self._lookups_left -= 1
        if self._lookups_left < 0:
            raise FilterError(
                f"At most {MAX_LOOKUPS} conditions on metadata, metric_evaluations and transcript together."
            )


def _is_metric(leaf: Leaf) -> bool:
    return leaf.field.startswith(METRIC)


def _is_open(leaf: Leaf) -> bool:
    """A condition on a metric's result that leaves it to its neighbours to say which metric."""
    return _is_metric(leaf) and leaf.metric is None
