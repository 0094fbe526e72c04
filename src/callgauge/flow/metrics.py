"""Metrics: make, edit, delete, restore.

What a metric asks stands in a version that is never changed: an edit of it adds one. Switches, order and
the agents it is for stand on the metric.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.text import slugify

from callgauge.domain.calls import stable_hash
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.flow.audit import acting_user_id, audited, record
from callgauge.flow.dependencies import check_scripts
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.metric_agents import measure_only, named_agents
from callgauge.flow.metric_fields import ASKED, FROZEN, check_whole, whole_metric
from callgauge.flow.rubric import add_rule, drop_rules, require_fit
from callgauge.store.models import Agent, Metric, MetricVersion, Project
from callgauge.store.prepared import Prepared

SWITCHES = (
    "observability_enabled",
    "simulation_enabled",
    "sampling_enabled",
    "display_order",
    "add_to_new_agents",
)

SLUG_TRIES = 20
"""Two requests that pick the same free slug at once: the loser picks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """What a request says of a metric; what it does not mention stays as it is."""

    frozen: Mapping[str, Any] = field(default_factory=dict)
    """Columns of FROZEN."""
    switches: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the wire that are kept and given back."""
    agents: Collection[int] | None = None
    every_agent: bool = False
    """Measure every agent from now on, those made later too; `agents` is not looked at then."""
    slug: str = ""
    in_rubric: bool | None = None
    """True adds a rule unless there is one, False takes the metric's rules out."""
    meaning_changed: bool = False
    """The author says that what people answered so far was another question."""
    meaning: int | None = None
    """Of a restored version: what people answered then counts again."""


def create_metric(project: Project, change: MetricChange, *, by: str = "") -> Metric:
    """Make a metric with its first version. Without agents it measures every agent of the project."""
    frozen = check_metric(project, change.frozen)
    for _ in range(SLUG_TRIES):
        try:
            return _create(project, change, frozen, by)
        except IntegrityError:
            if change.slug:
                raise Invalid.field("slug", "A metric with this slug already exists.") from None
    raise Conflict("The metric could not be stored: others are being made at the same time. Try again.")


def check_metric(project: Project, frozen: Mapping[str, Any], metric: Metric | None = None) -> dict[str, Any]:
    """What a new metric, or `metric` with that change, would ask: all columns of FROZEN. Raises Invalid where
    it could not be saved."""
    before = {} if metric is None else {name: getattr(current_version(metric), name) for name in FROZEN}
    whole = whole_metric({**before, **frozen})
    check_scripts(project.pk, metric, whole)
    return whole


@transaction.atomic
def create_metrics(wanted: Sequence[tuple[Project, MetricChange]], *, by: str = "") -> list[Metric]:
    """All of them or none. Raises Invalid with the field's name after the position, counted from 0."""
    made = []
    for position, (project, change) in enumerate(wanted):
        try:
            made.append(create_metric(project, change, by=by))
        except Invalid as error:
            raise Invalid({f"{position}.{name}": texts for name, texts in error.messages.items()}) from None
    return made


@transaction.atomic
def _create(project: Project, change: MetricChange, frozen: Mapping[str, Any], by: str) -> Metric:
    name = frozen["name"]
    metric = Metric.objects.create(
        project=project,
        name=name,
        slug=change.slug or _free_slug(project.pk, name),
        every_agent=not change.agents,
        settings=dict(change.settings),
        **change.switches,
    )
    version = add_version(metric, frozen, by=by)
    if change.agents:
        metric.agents.set(named_agents(project.pk, change.agents))
    if change.in_rubric:
        add_rule(metric, version)
    record("metric.created", metric)
    return metric


@audited("metric.edited")
def edit_metric(
    metric: Metric, change: MetricChange, *, by: str = "", reason: str = "", read: int | None = None
) -> Metric:
    """Change a metric. A version is added only where what it asks, or its name, is not what it was.

    `read` is the version that whoever edits has seen. Raises Conflict where it is not in use any more."""
    locked = Metric.objects.select_for_update(no_key=True).filter(pk=metric.pk, deleted_at=None).first()
    if locked is None:
        raise NotFound
    version = current_version(locked)
    if read is not None and read != version.pk:
        by_whom = f", by {version.changed_by}" if version.changed_by else ""
        raise Conflict(f"Version {version.number} has come into use since you began{by_whom}.")
    before = {name: getattr(version, name) for name in FROZEN}
    frozen = {**before, **change.frozen}
    meaning = meaning_of(version, frozen, change)
    if frozen != before or meaning != version.meaning:
        check_whole(frozen)
        check_scripts(locked.project_id, locked, frozen)
        if frozen["eval_type"] != before["eval_type"]:
            require_fit(locked, EvalType(frozen["eval_type"]))
        version = add_version(locked, frozen, by=by, reason=reason, meaning=meaning)
        locked.name = frozen["name"]
    for name, value in change.switches.items():
        setattr(locked, name, value)
    locked.settings = {**locked.settings, **change.settings}
    locked.slug = change.slug or locked.slug
    if change.every_agent:
        locked.agents.clear()
        locked.every_agent = True
    elif change.agents is not None:
        measure_only(locked, named_agents(locked.project_id, change.agents))
    try:
        with transaction.atomic():
            locked.save()
    except IntegrityError:
        raise Invalid.field("slug", "A metric with this slug already exists.") from None
    if change.in_rubric is not None:
        if change.in_rubric:
            add_rule(locked, version)
        else:
            drop_rules(locked)
    return locked


@audited("metric.deleted")
def delete_metric(metric: Metric) -> None:
    """The metric measures nothing from now on; its versions and results stay, because history names them."""
    drop_rules(metric)
    Metric.objects.filter(pk=metric.pk, deleted_at=None).update(
        deleted_at=timezone.now(), updated_at=timezone.now()
    )


def restore_version(metric: Metric, version_id: int, *, by: str = "") -> Metric:
    """Ask again what an earlier version asked: a new version with its content. Raises NotFound."""
    version = MetricVersion.objects.filter(metric=metric, pk=version_id).first()
    if version is None:
        raise NotFound
    frozen = {name: getattr(version, name) for name in FROZEN}
    change = MetricChange(frozen=frozen, meaning=version.meaning)
    return edit_metric(metric, change, by=by, reason=f"Restored version {version.number}")


@audited("metric.version_labelled")
def label_version(
    metric: Metric, version_id: int, *, label: str | None = None, reason: str | None = None
) -> MetricVersion:
    """Say what a version was, in words; what it asks never changes. Raises NotFound."""
    version = MetricVersion.objects.filter(metric=metric, pk=version_id).first()
    if version is None:
        raise NotFound
    version.label = version.label if label is None else label
    version.change_reason = version.change_reason if reason is None else reason
    version.save(update_fields=["label", "change_reason"])
    return version


_VERSIONS_FOR = Prepared(
    lambda agent, project: MetricVersion.objects.filter(
        Q(metric__every_agent=True) | Q(metric__in=Metric.objects.filter(agents=agent)),
        metric__project_id=project,
        metric__deleted_at=None,
        metric__observability_enabled=True,
        metric__current_version_id=F("id"),
    ).order_by("metric__display_order", "metric_id"),
    int,
    int,
)


def versions_for(agent: Agent) -> list[MetricVersion]:
    """The versions that a call of this agent is measured with today, in display order."""
    return _VERSIONS_FOR(agent.pk, agent.project_id)


def spec_of(version: MetricVersion) -> MetricSpec:
    """A version as the scorers see it; needs no query."""
    return MetricSpec(
        metric_id=version.metric_id,
        version_id=version.pk,
        name=version.name,
        kind=MetricKind(version.kind),
        eval_type=EvalType(version.eval_type),
        description=version.description,
        prompt=version.prompt,
        custom_code=version.custom_code,
        labels=tuple(version.labels),
        built_in=version.built_in,
        configuration=version.configuration,
        hears=version.audio_enabled,
        llm_provider=version.llm_provider,
        trigger=Trigger(version.trigger),
        trigger_type=version.trigger_type,
        trigger_prompt=version.trigger_prompt,
        trigger_code=version.trigger_code,
        content_hash=version.content_hash,
    )


def current_version(metric: Metric) -> MetricVersion:
    version = metric.current_version
    assert version is not None, "a metric is never stored without its first version"
    return version


def meaning_of(before: MetricVersion, frozen: Mapping[str, Any], change: MetricChange) -> int:
    """Another kind of value, or other labels than before in any order, is another meaning."""
    if change.meaning is not None:
        return change.meaning
    same = frozen["eval_type"] == before.eval_type and set(frozen["labels"]) == set(before.labels)
    if same and not change.meaning_changed:
        return before.meaning
    known = MetricVersion.objects.filter(metric_id=before.metric_id).aggregate(most=Max("meaning"))["most"]
    return int(known) + 1


def add_version(
    metric: Metric,
    frozen: Mapping[str, Any],
    *,
    by: str = "",
    reason: str = "",
    meaning: int = 1,
    use: bool = True,
) -> MetricVersion:
    """The next version of a metric, whose row the caller has locked. Without `use` it is a draft."""
    newest = MetricVersion.objects.filter(metric=metric).aggregate(most=Max("number"))["most"]
    version = MetricVersion.objects.create(
        metric=metric,
        number=(newest or 0) + 1,
        meaning=meaning,
        content_hash=stable_hash({name: frozen[name] for name in ASKED}),
        change_reason=reason[:100],
        changed_by=by[:255],
        changed_by_user_id=acting_user_id(),
        **{name: frozen[name] for name in FROZEN},
    )
    if use:
        metric.current_version = version
        Metric.objects.filter(pk=metric.pk).update(current_version=version)
    return version


def _free_slug(project_id: int, name: str) -> str:
    base = slugify(name)[:200] or "metric"
    if base.isdigit():
        base = f"metric-{base}"  # a path takes an id or a slug: digits alone are an id
    taken = set(
        Metric.objects.filter(project_id=project_id, deleted_at=None, slug__startswith=base).values_list(
            "slug", flat=True
        )
    )
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug
