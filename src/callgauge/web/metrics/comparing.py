"""Two versions of a metric as one: scripts line by line, sentences word by word, settings as a pair."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from callgauge.flow.dependencies import WIRE_NAMES
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.scope import Person
from callgauge.flow.versions import find_version
from callgauge.store.models import MetricVersion
from callgauge.web.metrics.naming import FIELDS, KINDS, TRIGGERS, VALUES
from callgauge.web.page import project_page, show
from callgauge.web.wording import Passage, compare_words

SCRIPTS: Final = tuple(WIRE_NAMES)
SENTENCES: Final = ("description", "prompt", "trigger_prompt")
CONTEXT: Final = 3
"""Lines that are shown around those that changed."""
COLUMNS: Final = {
    "kind": "type",
    "labels": "enum_values",
    "trigger": "evaluation_trigger",
    "trigger_prompt": "evaluation_trigger_prompt",
    **WIRE_NAMES,
}


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    """same, removed, added or gap."""
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is not the same. Only one of the three ways to show it is filled."""

    field: str
    lines: Sequence[Line] = ()
    passages: Sequence[Passage] = ()
    before: str = ""
    after: str = ""


def changes_between(old: MetricVersion, new: MetricVersion) -> list[Change]:
    found = []
    for column in FROZEN:
        before, after = getattr(old, column), getattr(new, column)
        if before == after:
            continue
        name = FIELDS[COLUMNS.get(column, column)]
        if column in SCRIPTS:
            found.append(Change(name, lines=compare_lines(before, after)))
        elif column in SENTENCES:
            found.append(Change(name, passages=compare_words(before, after)))
        else:
            found.append(Change(name, before=_plain(column, before), after=_plain(column, after)))
    return found


def compare_lines(before: str, after: str) -> list[Line]:
    """Unified, with the numbers of both sides."""
    return list(_lines(before.splitlines(), after.splitlines()))


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    shown = 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if group[0][1] > shown:
            yield Line("gap", None, None, "")
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                for step, text in enumerate(old[old_from:old_to]):
                    yield Line("same", old_from + step + 1, new_from + step + 1, text)
                continue
            for number, text in enumerate(old[old_from:old_to], old_from + 1):
                yield Line("removed", number, None, text)
            for number, text in enumerate(new[new_from:new_to], new_from + 1):
                yield Line("added", None, number, text)
        shown = group[-1][2]
    if 0 < shown < len(old):
        yield Line("gap", None, None, "")


def _plain(column: str, value: Any) -> str:
    named = {"kind": KINDS, "eval_type": VALUES, "trigger": TRIGGERS}.get(column)
    if named is not None:
        return named[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else "–"
    return str(value) or "–"


@project_page()
def compare(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    """`before` and `after` are numbers of versions. Without them, the one in use and the one before it."""
    metric = find_metric(who, str(pk))
    assert metric.current_version is not None
    current = metric.current_version.number
    after = find_version(metric, request.GET.get("after") or current)
    before = find_version(metric, request.GET.get("before") or max(1, after.number - 1))
    context = {
        "metric": metric,
        "before": before,
        "after": after,
        "current": current,
        "changes": changes_between(before, after),
        "numbers": list(metric.versions.order_by("-number").values_list("number", flat=True)),
    }
    return show(request, who, "web/metrics/compare.html", context, active="metrics")
