"""What can be done with chosen calls: one table of verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from callgauge.flow.call_question import read_question
from callgauge.flow.calls import calls_of
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.rerun import count_against_limit, request_evaluation, request_rerun
from callgauge.flow.review_items import ask_to_review
from callgauge.flow.reviewers import voter
from callgauge.flow.scope import Person, as_id, find_agent
from callgauge.flow.selection import Selection
from callgauge.store.models import Rerun, Role
from callgauge.web import words
from callgauge.web.calls.listing import filtered_calls

MAX_IN_ADDRESS = 500
"""Ids that an address can hold whatever stands between."""
MAX_CHOSEN = 50_000
"""What a rerun of named calls takes at once."""
IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Done:
    """Either words to show in the list, or an address to go to."""

    words: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    name: str
    words: str
    why: str
    carry_out: Callable[[Person, Sequence[int], int | None], Done]


def _evaluate(who: Person, ids: Sequence[int], metric: int | None) -> Done:
    assert who.project is not None
    count_against_limit(who.project)
    reruns = request_evaluation(who, who.project, ids, None if metric is None else [metric])
    return Done(f"{words.plural(len(ids), 'call')} will be measured: {_named(reruns)}.")


def _rerun(who: Person, ids: Sequence[int], metric: int | None) -> Done:
    assert who.project is not None
    count_against_limit(who.project)
    by_agent: dict[int | None, list[int]] = {}
    for pk, agent_id in _agents(who, ids):
        by_agent.setdefault(agent_id, []).append(pk)
    lost = by_agent.pop(None, [])
    if not by_agent:
        raise Invalid.field("call", "The agent of these calls was deleted: use Measure instead of Rerun.")
    chosen = None if metric is None else [metric]
    reruns = [
        request_rerun(who, find_agent(who, agent_id), Selection(ids=tuple(its)), metric_ids=chosen).rerun
        for agent_id, its in by_agent.items()
    ]
    left_out = f" {words.plural(len(lost), 'call')} without an agent left out." if lost else ""
    return Done(f"{words.plural(len(ids) - len(lost), 'call')} reset: {_named(reruns)}.{left_out}")


def _plan(who: Person, ids: Sequence[int], metric: int | None) -> Done:
    """To the form of reruns, with these calls in it; nothing is measured yet."""
    if len(ids) > MAX_IN_ADDRESS:
        raise Invalid.field(
            "call", f"Plan at most {MAX_IN_ADDRESS:,} named calls. Save a view of more, and plan that."
        )
    query = {"calls": ",".join(map(str, ids)), **({} if metric is None else {"metric": metric}), "plan": 1}
    return Done(address=f"{reverse('reruns', args=[who.project_id])}?{urlencode(query)}")


def _review(who: Person, ids: Sequence[int], metric: int | None) -> Done:
    assert who.project is not None
    chosen_metric = None if metric is None else find_metric(who, str(metric))
    number = ask_to_review(who.project, ids, chosen_metric, by=voter(who))
    return Done(f"{words.plural(number, 'result')} in the review queue because you asked.")


def _named(reruns: Sequence[Rerun]) -> str:
    return ", ".join(f"rerun {rerun.pk}" for rerun in reruns)


def _agents(who: Person, ids: Sequence[int]) -> list[tuple[int, int | None]]:
    found: list[tuple[int, int | None]] = []
    for start in range(0, len(ids), IDS_PER_QUERY):
        part = calls_of(who).filter(pk__in=ids[start : start + IDS_PER_QUERY])
        found += part.values_list("pk", "agent_id")
    return found


VERBS: tuple[Verb, ...] = (
    Verb("evaluate", "Measure", "Adds results; verdicts stay until the new ones are in.", _evaluate),
    Verb("rerun", "Rerun", "Resets the verdicts of calls that nobody reviewed, then measures again.", _rerun),
    Verb("plan", "Plan a rerun", "Says first what measuring these calls again would cost.", _plan),
    Verb(
        "review",
        "Review",
        "Puts the calls into the review queue, before what the queue found itself.",
        _review,
    ),
)


def verbs(who: Person) -> list[tuple[str, str, str]]:
    """Those that the person may use: name, words, and what it does."""
    if who.role == Role.VIEWER:
        return []
    return [(verb.name, verb.words, verb.why) for verb in VERBS]


def chosen(who: Person, ids: Sequence[str], everything: QueryDict | None) -> list[int]:
    """The chosen calls that the person may see: those named, or all that the query finds. Raises Invalid."""
    if everything is not None:
        found = filtered_calls(who, read_question(everything)).order_by("-timestamp", "-id")
        picked = list(found.values_list("pk", flat=True)[: MAX_CHOSEN + 1])
    else:
        numbers = [number for raw in ids if (number := as_id(raw))]
        picked = [pk for pk, _ in _agents(who, numbers[: MAX_CHOSEN + 1])]
    if not picked:
        raise Invalid.field("call", "Choose at least one call, by the box at its left.")
    if len(picked) > MAX_CHOSEN:
        raise Invalid.field(
            "call", f"At most {MAX_CHOSEN:,} calls at once. Narrow the filter, or rerun an agent as a whole."
        )
    return picked


def carry_out(who: Person, name: str, ids: Sequence[int], metric: str) -> Done:
    """Raises Invalid for a verb that there is not, and what the verb raises."""
    known: Mapping[str, Verb] = {verb.name: verb for verb in VERBS}
    if name not in known:
        raise Invalid.field("do", f"Choose one of {', '.join(known)}.")
    return known[name].carry_out(who, ids, as_id(metric))
