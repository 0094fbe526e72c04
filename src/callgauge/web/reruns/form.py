"""The form that plans and starts a rerun. What stands in it can be given in the address:

?metric=7&calls=12,13&view=3&since=2026-11-01&until=2026-11-30&reuse=current&max_cost=5&notify=1&plan=1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from callgauge.domain.money import cost_words
from callgauge.flow.calls import calls_of
from callgauge.flow.control import read_cap
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics_lists import agents_by_metric
from callgauge.flow.plan import Plan, plan_for
from callgauge.flow.rerun import Terms, count_against_limit, request_rerun
from callgauge.flow.saved_views import CALLS_PAGE, find_view
from callgauge.flow.scope import Person, as_id, find_agent
from callgauge.flow.selection import IDS_PER_QUERY, Narrowing, Selection, narrowed
from callgauge.store.models import Agent, Metric, Rerun, Reuse
from callgauge.web.words import plural

BECAUSE = {
    "metric": "the metric, its model or the agent has changed",
    "call": "the call has changed",
    "reads": "a metric that it reads has changed",
}
STATES = {
    "new": "never measured",
    "changed": "changed",
    "failed": "failed last time",
    "current": "current",
    "not_applicable": "do not apply",
    "missing_recording": "lack a recording",
    "sampled_out": "sampled out",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields, as typed."""

    agent: int | None = None
    metrics: tuple[int, ...] = ()
    """Empty: all that measure the agent."""
    calls: str = ""
    view: str = ""
    filters: str = ""
    since: str = ""
    until: str = ""
    reuse: str = Reuse.CURRENT.value
    max_cost: str = ""
    notify: bool = False

    @property
    def narrows(self) -> bool:
        return bool(self.calls or self.view or self.filters or self.since or self.until)


def read_form(who: Person, given: QueryDict, agents: Sequence[Agent]) -> Form:
    """The agent is the one named, else that of the first call named, else the first."""
    calls = ",".join(part.strip() for part in given.getlist("calls") if part.strip())
    metrics = [as_id(part) for raw in given.getlist("metric") for part in raw.split(",")]
    reuse = given.get("reuse", Reuse.CURRENT.value)
    return Form(
        agent=as_id(given.get("agent", "")) or _agent_of(who, calls) or (agents[0].pk if agents else None),
        metrics=tuple(one for one in metrics if one is not None),
        calls=calls,
        view=given.get("view", ""),
        filters=given.get("filters", "").strip(),
        since=given.get("since", "").strip(),
        until=given.get("until", "").strip(),
        reuse=reuse if reuse in Reuse.values else "",
        max_cost=given.get("max_cost", "").strip(),
        notify=given.get("notify") == "1",
    )


@dataclass(frozen=True, slots=True)
class OtherAgent:
    """One that the chosen calls or metrics are of as well: a rerun is of one agent."""

    name: str
    words: str
    address: str


def one_agent_of(who: Person, form: Form, agents: Sequence[Agent]) -> tuple[Form, list[OtherAgent]]:
    """The form with the calls of its agent alone, where those named are of several, and a link to plan each
    of the others. Without named calls the others are those that the chosen metrics measure."""
    names = {agent.pk: agent.name for agent in agents}
    if not form.calls:
        chosen = Metric.objects.filter(project=who.project, pk__in=form.metrics)
        measured = {agent.pk for its in agents_by_metric(list(chosen)).values() for agent in its}
        others = [pk for pk in names if pk in measured and pk != form.agent]
        return form, [OtherAgent(names[pk], "", _address(who, form, pk)) for pk in others]
    ids = [pk for part in form.calls.split(",") if (pk := as_id(part))]
    of = dict(_agents_of(who, ids))
    by_agent: dict[int, list[int]] = {}
    for pk in ids:
        if (agent := of.get(pk)) in names and agent is not None and agent != form.agent:
            by_agent.setdefault(agent, []).append(pk)
    elsewhere = {pk for its in by_agent.values() for pk in its}
    left = [part for part in form.calls.split(",") if as_id(part) not in elsewhere]  # with what is no call
    found = [
        OtherAgent(names[agent], plural(len(its), "call"), _address(who, form, agent, its))
        for agent, its in by_agent.items()
    ]
    return (replace(form, calls=",".join(left)) if left else form), found


def _agents_of(who: Person, ids: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    for start in range(0, len(ids), IDS_PER_QUERY):
        yield from (
            calls_of(who).filter(pk__in=ids[start : start + IDS_PER_QUERY]).values_list("pk", "agent_id")
        )


def _address(who: Person, form: Form, agent: int, calls: Sequence[int] = ()) -> str:
    """The form as an address, for another agent."""
    kept = {name: getattr(form, name) for name in ("view", "filters", "since", "until", "max_cost")}
    query = {
        "agent": agent,
        "metric": ",".join(map(str, form.metrics)),
        "calls": ",".join(map(str, calls)),
        "notify": 1 if form.notify else "",
        **kept,
    }
    said = {name: value for name, value in query.items() if value}
    return f"{reverse('reruns', args=[who.project_id])}?{urlencode({**said, 'reuse': form.reuse, 'plan': 1})}"


def _agent_of(who: Person, calls: str) -> int | None:
    first = as_id(calls.partition(",")[0])
    found = calls_of(who).filter(pk=first).values_list("agent_id", flat=True).first() if first else None
    return None if found is None else int(found)


@dataclass(frozen=True, slots=True)
class Asked:
    """A rerun as the form describes it."""

    who: Person
    agent: Agent
    selection: Selection
    metrics: Sequence[int] | None
    terms: Terms

    def plan(self) -> Plan:
        return plan_for(self.agent, self.selection, self.metrics, self.terms)

    def start(self) -> Rerun:
        return self._request(self.selection, self.terms)

    def try_some(self) -> Rerun:
        """A pilot, so that the plan can go by it."""
        ids = self.plan().pilot()
        if not ids:
            raise Invalid.field("calls", "Nothing is to be measured, so there is nothing to try.")
        # Whoever is told of the calls is told once, by the rerun that follows.
        return self._request(Selection(ids=tuple(ids)), replace(self.terms, notify=False))

    def _request(self, selection: Selection, terms: Terms) -> Rerun:
        assert self.who.project is not None
        count_against_limit(self.who.project)
        ticket = request_rerun(self.who, self.agent, selection, metric_ids=self.metrics, terms=terms)
        return ticket.rerun


def read_asked(who: Person, form: Form) -> Asked:
    """Raises Invalid and NotFound."""
    assert who.project is not None
    agent = find_agent(who, form.agent)
    ids = [_call_id(part) for part in form.calls.split(",") if part.strip()]
    narrowing = Narrowing(
        filters=form.filters,
        view=find_view(who.project, CALLS_PAGE, form.view) if form.view else None,
        since=_moment("since", form.since, time.min),
        until=_moment("until", form.until, time.max),
    )
    terms = Terms(
        reuse=Reuse(form.reuse),
        max_cost_usd=read_cap(form.max_cost or None),
        narrowed=narrowing.as_json(),
        notify=form.notify,
    )
    selection = narrowed(agent, Selection(ids=tuple(ids)) if ids else Selection(), narrowing)
    return Asked(who, agent, selection, form.metrics or None, terms)


def _call_id(text: str) -> int:
    number = as_id(text)
    if number is None:
        raise Invalid.field(
            "calls", f"Write the numbers of calls, with commas between; not “{text.strip()[:40]}”."
        )
    return number


def _moment(name: str, text: str, at: time) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), at, UTC) if text else None
    except ValueError:
        raise Invalid.field(name, "Write a day such as 2026-11-30.") from None


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One metric of a plan."""

    metric_id: int
    name: str
    version: int
    states: str
    because: str
    to_measure: int
    reused: int
    requests: int
    cost: str


def plan_lines(plan: Plan) -> list[PlanLine]:
    return [
        PlanLine(
            one.version.metric_id,
            one.version.name,
            one.version.number,
            ", ".join(f"{one.states[name]:,} {words}" for name, words in STATES.items() if one.states[name]),
            "; ".join(
                f"{one.because[name]:,}: {words}" for name, words in BECAUSE.items() if one.because[name]
            ),
            len(one.to_measure),
            one.reused,
            round(one.estimate.requests),
            cost_words(one.estimate.cost_usd) if one.estimate.requests else "–",
        )
        for one in plan.metrics
    ]
