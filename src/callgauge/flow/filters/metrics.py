"""Conditions on what metrics made of a call: put to the current results, as the machine gave them.

Conditions that stand in one `and` speak of one and the same result: `metric_id eq 12` and `value lt 3` are
together "metric 12 gave less than 3".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import FAIL_SCORE, PASS_SCORE
from callgauge.flow.filters.fields import LOOKUPS, METRIC, METRIC_ALIASES, METRIC_OPS
from callgauge.flow.filters.operands import flag, number, text
from callgauge.flow.filters.tree import FilterError, Leaf, check_op, in_values, shown
from callgauge.flow.scope import as_id
from callgauge.store.models import Metric, MetricResult, ResultOutcome

MAX_METRICS_NAMED = 100


@dataclass(frozen=True, slots=True)
class Named:
    """The metrics that a name stands for: one, or one in each of several projects."""

    ids: frozenset[int]
    eval_types: frozenset[str]

    @property
    def eval_type(self) -> str | None:
        return next(iter(self.eval_types)) if len(self.eval_types) == 1 else None


class Metrics:
    """The metrics of the projects, fetched once and only if a condition names one."""

    def __init__(self, projects: Callable[[], list[int]]) -> None:
        self._projects = projects
        self._rows: list[tuple[int, str, str, str]] | None = None

    def find(self, raw: Any) -> Named:
        """By id, slug or name. Raises FilterError for what is foreign or missing, in the same words."""
        if not isinstance(raw, (str, int)) or isinstance(raw, bool):
            raise FilterError(f"Name a metric by its id, slug or name, not {shown(raw)}.")
        if self._rows is None:
            metrics = Metric.objects.filter(project_id__in=self._projects(), current_version__isnull=False)
            self._rows = list(
                metrics.order_by("deleted_at").values_list("pk", "slug", "name", "current_version__eval_type")
            )
        wanted, folded = as_id(raw), str(raw).strip().casefold()
        found = [row for row in self._rows if row[0] == wanted]
        found = found or [row for row in self._rows if folded in (row[1].casefold(), row[2].casefold())]
        if not found:
            raise FilterError(f"There is no metric {shown(raw)} here.")
        return Named(frozenset(row[0] for row in found), frozenset(row[3] for row in found))


@dataclass(frozen=True, slots=True)
class _Part:
    """A condition with its field under the one name that it has here."""

    name: str
    leaf: Leaf


def metric_condition(leaves: Sequence[Leaf], metrics: Metrics) -> Q:
    """Calls with one current result for which all the conditions hold. Raises FilterError."""
    parts = [_checked(leaf) for leaf in leaves]
    named = _named(parts, metrics)
    results = MetricResult.objects.filter(call=OuterRef("pk"), is_current=True)
    if named is not None:
        results = results.filter(_one_of("metric_id", named.ids))
    rest = [part for part in parts if part.name != "metric_id"]
    for part in rest:
        empty = _is_empty(part)
        if empty is None:
            continue
        if len(rest) > 1 or named is None:
            raise FilterError(
                f"{part.leaf.field} is null only of a named metric, and beside no other condition on it."
            )
        scored = Exists(results.filter(outcome=ResultOutcome.SCORED))
        return ~Q(scored) if empty else Q(scored)
    try:
        for part in rest:
            results = results.filter(_row_condition(part, named))
    except FilterError:
        raise
    except ValueError as error:
        raise FilterError(f"The condition on {part.leaf.field} needs {error}.") from None
    return Q(Exists(results))


def _checked(leaf: Leaf) -> _Part:
    name = leaf.field.removeprefix(METRIC)
    name = METRIC_ALIASES.get(name, name)
    ops = METRIC_OPS.get(name)
    if ops is None:
        known = ", ".join(METRIC + one for one in METRIC_OPS)
        raise FilterError(f"Calls cannot be filtered by {shown(leaf.field)}; use {known}.")
    check_op(leaf, ops)
    return _Part(name, leaf)


def _named(parts: Sequence[_Part], metrics: Metrics) -> Named | None:
    """The metrics that the conditions speak of; None where they leave it open."""
    wanted: list[Any] = [part.leaf.metric for part in parts if part.leaf.metric is not None]
    for part in parts:
        if part.name == "metric_id":
            wanted += [part.leaf.value] if part.leaf.op == "eq" else [in_values(part.leaf)]
    if not wanted:
        return None
    if len(wanted) > 1:
        raise FilterError("Conditions in one group speak of one metric: give each metric a group of its own.")
    several = wanted[0] if isinstance(wanted[0], list) else [wanted[0]]
    if not 0 < len(several) <= MAX_METRICS_NAMED:
        raise FilterError(f"Name 1 to {MAX_METRICS_NAMED} metrics.")
    found = [metrics.find(one) for one in several]
    return Named(
        frozenset().union(*(one.ids for one in found)), frozenset().union(*(one.eval_types for one in found))
    )


def _is_empty(part: _Part) -> bool | None:
    """True or false where the condition asks whether there is a value at all, else None."""
    if part.name != "value":
        return None
    try:
        if part.leaf.op == "isnull":
            return flag(part.leaf.value)
    except ValueError as error:
        raise FilterError(f"The condition on {part.leaf.field} needs {error}.") from None
    if part.leaf.value is None and part.leaf.op in ("eq", "neq"):
        return part.leaf.op == "eq"
    return None


def _row_condition(part: _Part, named: Named | None) -> Q:
    leaf = part.leaf
    if part.name == "value":
        return _value(leaf, None if named is None else named.eval_type)
    values = in_values(leaf) if leaf.op == "in" else [leaf.value]
    allowed = [choice.value for choice in ResultOutcome]
    if part.name == "outcome" and not all(one in allowed for one in values):
        raise ValueError(f"one of {', '.join(allowed)}")
    condition = _one_of(part.name, [text(one) for one in values])
    return ~condition if leaf.op == "neq" else condition


def _value(leaf: Leaf, eval_type: str | None) -> Q:
    """On the columns of a result. `neq` asks for another value, not for none: what was not scored is not
    different, it is unknown."""
    if leaf.op == "neq":
        return ~_equal(leaf.value, eval_type) & Q(outcome=ResultOutcome.SCORED)
    if leaf.op == "eq":
        return _equal(leaf.value, eval_type)
    if leaf.op == "in":
        joined = Q(pk__in=[])
        for one in in_values(leaf):
            joined |= _equal(one, eval_type)
        return joined
    if leaf.op in ("gt", "gte", "lt", "lte"):
        limit = number(leaf.value)
        if eval_type == EvalType.ENUM:
            raise ValueError("op eq, neq, in, contains, startswith or endswith: the metric gives labels")
        passing = [passed for passed, score in _SCORES if _ORDER[leaf.op](score, limit)]
        of_verdict = Q(passed__in=passing)
        of_number = Q(**{f"number__{LOOKUPS[leaf.op]}": limit})
        return (
            of_verdict if eval_type == EvalType.BINARY else of_number if eval_type else of_verdict | of_number
        )
    return Q(**{f"label__{LOOKUPS[leaf.op]}": text(leaf.value)})


_SCORES = ((True, PASS_SCORE), (False, FAIL_SCORE))
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _equal(raw: Any, eval_type: str | None) -> Q:
    """By the metric's type; where that is open, by the type of the operand. A verdict may be written as
    true and false or as the scores that the wire shows for it."""
    match eval_type:
        case EvalType.BINARY:
            return Q(passed=_verdict(raw))
        case EvalType.RATING | EvalType.NUMERIC:
            return Q(number=number(raw))
        case EvalType.ENUM:
            return Q(label=text(raw))
    if isinstance(raw, bool):
        return Q(passed=raw)
    if isinstance(raw, str):
        return Q(passed=_verdict(raw)) if raw.strip().lower() in {"true", "false"} else Q(label=text(raw))
    found = number(raw)
    scores = [passed for passed, score in _SCORES if score == found]
    return Q(number=found) | Q(passed__in=scores) if scores else Q(number=found)


def _verdict(raw: Any) -> bool:
    for passed, score in _SCORES:
        if not isinstance(raw, bool) and isinstance(raw, (int, float)) and raw == score:
            return passed
    try:
        return flag(raw)
    except ValueError:
        raise ValueError(f"true or false (or {PASS_SCORE:.0f} and {FAIL_SCORE:.0f})") from None


def _one_of(column: str, values: Collection[Any]) -> Q:
    """A single value is compared as such: planners make more of it."""
    return Q(**{column: next(iter(values))}) if len(values) == 1 else Q(**{f"{column}__in": sorted(values)})
