"""What the review pages share: the tabs, and the state of the queue that an address carries."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse

from callgauge.flow.metrics_lists import find_metric, metrics_of
from callgauge.flow.scope import Person
from callgauge.store.models import Metric, Project
from callgauge.web.tabs import Tab

TABS = (
    ("review", "Queue"),
    ("review-agreement", "Agreement"),
    ("review-golden", "Golden sets"),
    ("review-proposals", "Proposals"),
)


def tabs(who: Person, active: str) -> list[Tab]:
    return [Tab(words, reverse(name, args=[who.project_id]), name == active) for name, words in TABS]


def project_of(who: Person) -> Project:
    assert who.project is not None
    return who.project


def metric_choices(who: Person) -> list[tuple[int, str]]:
    return list(metrics_of(who).values_list("pk", "name"))


def chosen_metric(who: Person, given: str) -> Metric | None:
    """Raises NotFound for one that is not there."""
    return find_metric(who, given) if given else None


def back_to(name: str, who: Person, *args: int, **query: str) -> HttpResponseRedirect:
    """`notice` in the query is said on the page."""
    address = reverse(name, args=[who.project_id, *args])
    kept = {key: value for key, value in query.items() if value}
    return HttpResponseRedirect(f"{address}?{urlencode(kept)}" if kept else address)


def kept_query(query: QueryDict, names: Sequence[str], **changed: str) -> str:
    """The named parameters of an address, some of them changed, with the question mark; empty without any."""
    kept = {name: query.get(name, "") for name in names} | changed
    given = {name: value for name, value in kept.items() if value}
    return f"?{urlencode(given)}" if given else "?"


NOTICES = {
    "answered": "Answered.",
    "agreed": "Answered. A second opinion changes nothing by itself.",
    "skipped": "Skipped. Others may still answer it.",
    "skip-undone": "It is back in the queue.",
    "skip-over": "There is no skip to undo: somebody has answered it, or it is back already.",
    "unskipped": "What you skipped is back in the queue.",
    "assigned": "It is yours now.",
    "unassigned": "Anybody may answer it now.",
    "withdrawn": "The answer was withdrawn.",
    "asked": "Second opinions are in the queue.",
    "none-to-ask": "There is nothing to double: no answers that are not stale, or all have a second one.",
    "golden-made": "The golden set was made.",
    "golden-filled": "People's answers were copied into it.",
    "golden-deleted": "The golden set was deleted.",
    "applied": "Applied: it is the metric's newest version, and measures new calls. Rerun the old ones.",
    "dismissed": "Dismissed. It stays to be read.",
}
"""What an address may have a page say. Free text in an address would let a stranger put words on it."""


def notice_of(request: HttpRequest) -> str:
    return NOTICES.get(request.GET.get("notice", ""), "")
