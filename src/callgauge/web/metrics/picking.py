"""The calls that a draft can be tried on: the newest of its agents, and those that are named."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q
from django.http import QueryDict

from callgauge.flow.calls import calls_of
from callgauge.flow.errors import Invalid
from callgauge.flow.previews import MAX_CALLS
from callgauge.flow.scope import Person, as_id
from callgauge.store.models import CallLog, Metric
from callgauge.store.result_queries import brief_results
from callgauge.web.chips import Chip, machine_chip, unit_of

OFFERED: Final = 10
TICKED: Final = 5
"""Of those offered: as many as cost little and say something."""
MAX_WORDS: Final = 2_000
_APART: Final = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    id: int
    call_id: str
    agent: str
    when: datetime
    chip: Chip | None
    """What the metric found before, by whichever version."""
    is_ticked: bool


def candidates(who: Person, metric: Metric | None, wanted: Collection[int] = ()) -> list[Candidate]:
    """Those that are wanted, then the newest. Two queries."""
    calls = calls_of(who).select_related("agent").order_by("-timestamp", "-id")
    named = list(calls.filter(pk__in=list(wanted)[:MAX_CALLS])) if wanted else []
    if metric is not None and not metric.every_agent:
        calls = calls.filter(agent__in=metric.agents.all())
    others = [call for call in calls[: OFFERED + len(named)] if call not in named]
    rows = [*named, *others[: max(0, OFFERED - len(named))]]
    found = brief_results([call.pk for call in rows], [] if metric is None else [metric.pk])
    ticked = {call.pk for call in named} or {call.pk for call in rows[:TICKED]}
    return [_candidate(call, metric, found, call.pk in ticked) for call in rows]


def _candidate(
    call: CallLog, metric: Metric | None, found: dict[tuple[int, int], Any], is_ticked: bool
) -> Candidate:
    row = None if metric is None else found.get((call.pk, metric.pk))
    return Candidate(
        id=call.pk,
        call_id=call.call_id,
        agent=call.agent.name if call.agent else "",
        when=call.timestamp,
        chip=None if row is None else machine_chip(row, unit=unit_of(row.eval_type, row.function_name)),
        is_ticked=is_ticked,
    )


def picked_calls(who: Person, post: QueryDict) -> list[int]:
    """The ticked calls, and those that are named by number or id. Raises Invalid."""
    ids = [number for number in map(as_id, post.getlist("call")) if number is not None]
    names = [name for name in _APART.split(post.get("more_calls", "")[:MAX_WORDS]) if name]
    ids += _named(who, names[: MAX_CALLS + 1])
    ids = list(dict.fromkeys(ids))
    if len(ids) > MAX_CALLS:
        raise Invalid.field("call_log_ids", f"Choose at most {MAX_CALLS} calls.")
    return ids


def _named(who: Person, names: Sequence[str]) -> list[int]:
    if not names:
        return []
    numbers = [number for number in map(as_id, names) if number is not None]
    rows = calls_of(who).filter(Q(pk__in=numbers) | Q(call_id__in=names)).values_list("pk", "call_id")
    known = {call_id: pk for pk, call_id in rows} | {str(pk): pk for pk, _ in rows}
    missing = [name for name in names if name not in known]
    if missing:
        raise Invalid.field("call_log_ids", f"There are no such calls: {', '.join(missing[:10])}.")
    return [known[name] for name in names]
