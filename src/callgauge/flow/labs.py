"""Labs: hold a draft of a metric to people's answers, and learn a better wording from its mistakes.

The worker takes a lab under a lease, measures its cases one by one and stores each as it comes. Whoever takes
over after a crash goes on with what is missing; requests are checkpointed, so none is paid for twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from callgauge.domain.agreeing import agrees
from callgauge.domain.calls import stable_hash
from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.outcomes import Usage
from callgauge.engine.statistics import PairedTable, mcnemar
from callgauge.flow import errands, ratelimit
from callgauge.flow.agreement import labels_of, measured_by
from callgauge.flow.audit import record
from callgauge.flow.errors import NotFound
from callgauge.flow.golden import cases_of
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import check_metric, current_version
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.scope import Who, projects_of
from callgauge.flow.wake import announce_work
from callgauge.store.models import (
    ErrandState,
    GoldenSet,
    Lab,
    LabCase,
    LabKind,
    Metric,
    MetricVersion,
    Project,
)
from callgauge.store.turns import write_turn

MAX_CASES: Final = 200
MOST_MISTAKES: Final = 12
MOST_RIGHT: Final = 6
"""Calls shown to the judge that proposes; as many others are held back to try the proposal on."""


class Ending(StrEnum):
    """Why a lab failed, or has nothing to propose."""

    NO_JUDGE = "no_judge"
    NO_ANSWERS = "no_answers"
    NO_MISTAKES = "no_mistakes"
    NO_CHANGE = "no_change"
    NOT_A_JUDGE_METRIC = "not_a_judge_metric"
    JUDGE_FAILED = "judge_failed"
    LOST = "lost"


WORDS: Final[Mapping[Ending, str]] = {
    Ending.NO_JUDGE: "No judge is set. Set one in CALLGAUGE_JUDGE, then ask again.",
    Ending.NO_ANSWERS: "No person has answered this metric on a call that it measured. Review some first.",
    Ending.NO_MISTAKES: "The metric agrees with every answer of a person; there is nothing to learn from.",
    Ending.NO_CHANGE: "The judge would leave the wording as it is.",
    Ending.NOT_A_JUDGE_METRIC: "Only a metric that asks a judge has a wording to improve.",
    Ending.JUDGE_FAILED: "The judge gave no usable proposal.",
    Ending.LOST: "The server failed or stopped every time it worked on this; see the server's log.",
}


# --- asking ----------------------------------------------------------------------------------------------


def count_against_limit(project: Project) -> None:
    """Raises RateLimited. A lab may cost as much as a small rerun."""
    ratelimit.take(project, "lab", settings.CALLGAUGE.rerun_rate)


@dataclass(frozen=True, slots=True)
class Answers:
    """Which answers of people count: all, those of a golden set, those of some calls."""

    golden: GoldenSet | None = None
    call_ids: Sequence[int] | None = None


def request_run(metric: Metric, draft: Mapping[str, Any], of: Answers, *, by: Reviewer) -> Lab:
    """Measure a draft (columns of FROZEN that differ from today's) on calls that people answered. Raises
    Invalid for a draft that could not be saved. Nothing of it is saved as a version."""
    version = current_version(metric)
    whole = {name: getattr(version, name) for name in FROZEN} | dict(draft)
    check_metric(metric.project, whole)
    return _request(metric, version, LabKind.RUN, of, by, draft=whole)


def request_proposal(metric: Metric, of: Answers, *, by: Reviewer, skip_evaluation: bool = False) -> Lab:
    """Ask the judge for a better wording. `skip_evaluation`: do not try it on calls that were held back."""
    version = current_version(metric)
    return _request(metric, version, LabKind.PROPOSE, of, by, skip_evaluation=skip_evaluation)


def _request(
    metric: Metric,
    version: MetricVersion,
    kind: LabKind,
    of: Answers,
    by: Reviewer,
    **fields: Any,
) -> Lab:
    lab = Lab(
        uid=errands.new_uid(),
        project_id=metric.project_id,
        metric=metric,
        version=version,
        kind=kind,
        asked_by=by.name,
        **fields,
    )
    cases = _cases(lab, of)
    ending = _hopeless(lab, cases)
    if ending is not None:
        end(lab, ending)
    with write_turn(), transaction.atomic():
        lab.save()
        LabCase.objects.bulk_create(cases, batch_size=200)
        record("lab.requested", lab, kind=kind.value, metric=metric.pk)
        announce_work()
    return lab


def _hopeless(lab: Lab, cases: Sequence[LabCase]) -> Ending | None:
    """Why it need not begin."""
    if lab.kind == LabKind.PROPOSE and lab.version.kind != MetricKind.LLM_JUDGE:
        return Ending.NOT_A_JUDGE_METRIC
    if not cases:
        return Ending.NO_ANSWERS
    if lab.kind == LabKind.PROPOSE and all(is_right(lab, case.expected_value, case.before) for case in cases):
        return Ending.NO_MISTAKES
    return None


def end(lab: Lab, ending: Ending) -> None:
    """Not stored yet."""
    nothing_wrong = ending in (Ending.NO_MISTAKES, Ending.NO_CHANGE)
    lab.state = ErrandState.COMPLETED if nothing_wrong else ErrandState.FAILED
    lab.reason, lab.ended_at, lab.lease_until = ending.value, timezone.now(), None


def _cases(lab: Lab, of: Answers) -> list[LabCase]:
    """For a proposal only calls that the version has measured. Each call is on one side for good, whatever
    its answers: a wording is never tried on what an earlier one was learned from."""
    known = {case.call_id: case for case in _answers(lab, of)}
    results = measured_by(lab.version, known).values
    drawn = sorted(known.values(), key=lambda case: stable_hash("lab", lab.metric_id, case.call_id))
    for case in drawn:
        found = results.get(case.call_id)
        if found is not None:
            case.before = {"value": found.value, "explanation": json.loads(found.explanation)}
    if lab.kind == LabKind.RUN:
        return drawn[:MAX_CASES]
    wrong = [case for case in drawn if case.before and not is_right(lab, case.expected_value, case.before)]
    right = [case for case in drawn if case.before and is_right(lab, case.expected_value, case.before)]
    chosen = [case for case in wrong if _may_be_shown(case)][:MOST_MISTAKES] or wrong[:1]
    chosen += [case for case in right if _may_be_shown(case)][:MOST_RIGHT]
    for case in chosen:
        case.is_shown = True
    held_back = [case for case in drawn if case.before and not case.is_shown and not _may_be_shown(case)]
    return [*chosen, *held_back[: MAX_CASES - len(chosen)]]


def _may_be_shown(case: LabCase) -> bool:
    return int(stable_hash("shown", case.lab.metric_id, case.call_id), 16) % 2 == 0


def _answers(lab: Lab, of: Answers) -> list[LabCase]:
    """Those that are not stale."""
    narrow: dict[str, Any] = {"meaning": lab.version.meaning}
    if of.call_ids is not None:
        narrow["call_id__in"] = list(of.call_ids)
    if of.golden is None:
        return [
            LabCase(
                lab=lab,
                call_id=review.call_id,
                review=review,
                expected_value=review.expected_value,
                note=review.feedback,
            )
            for review in labels_of(lab.metric).filter(**narrow)
        ]
    return [
        LabCase(
            lab=lab,
            call_id=case.call_id,
            review=case.review,
            expected_value=case.expected_value,
            note=case.note,
        )
        for case in cases_of(of.golden).filter(metric=lab.metric, **narrow)
    ]


def is_right(lab: Lab, expected: Any, said: Mapping[str, Any] | None) -> bool:
    """Whether what a version made of a call is what a person says."""
    if said is None or "value" not in said:
        return False
    return agrees(EvalType(lab.version.eval_type), expected, said["value"])


def find_lab(who: Who, uid: str, kind: LabKind | None = None) -> Lab:
    """By its progress id. Raises NotFound for what is foreign or missing."""
    labs = Lab.objects.filter(project__in=projects_of(who), uid=errands.uid_of(uid))
    if kind is not None:
        labs = labs.filter(kind=kind)
    found = labs.select_related("metric__current_version", "version", "applied_version").first()
    if found is None:
        raise NotFound
    return found


def wording_column(version: MetricVersion) -> str:
    """The column of a version that the judge is asked: see api.metrics_shape."""
    return "prompt" if version.prompt.strip() else "description"


# --- what came of it -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabScore:
    """Calls that were held back, before and after."""

    n: int
    right_before: int
    right_after: int
    regressions: int
    gains: int
    failed: int
    """Calls that the draft could not be computed on: not in n."""


def score_of(lab: Lab, cases: Sequence[LabCase]) -> LabScore:
    """Of the calls that both the version and the draft have an answer for."""
    held = [case for case in cases if not case.is_shown and case.after is not None]
    both = [case for case in held if case.before is not None and "value" in (case.after or {})]
    verdicts = [
        (is_right(lab, case.expected_value, case.before), is_right(lab, case.expected_value, case.after))
        for case in both
    ]
    return LabScore(
        n=len(both),
        right_before=sum(before for before, _ in verdicts),
        right_after=sum(after for _, after in verdicts),
        regressions=sum(before and not after for before, after in verdicts),
        gains=sum(after and not before for before, after in verdicts),
        failed=sum("value" not in (case.after or {}) for case in held),
    )


def usage_of(lab: Lab, cases: Sequence[LabCase]) -> Usage:
    usages = [lab.usage, *((case.after or {}).get("usage", {}) for case in cases)]
    return sum((Usage(**usage) for usage in usages if usage), Usage())


def score_in_words(score: LabScore) -> str:
    """Claims no more than so few calls carry."""
    if not score.n:
        return "It was not tried on calls that were held back."
    calls = "call that was" if score.n == 1 else "calls that were"
    words = (
        f"On {score.n} {calls} held back, {score.right_before} were right before and "
        f"{score.right_after} are right now"
    )
    if score.regressions + score.gains == 0:
        return f"{words}: the same ones."
    p_value = chance_of(score)
    chance = "could be chance" if p_value > 0.05 else "hardly chance"
    return f"{words}: {score.gains} gained, {score.regressions} lost (McNemar p = {p_value:.2g}: {chance})."


def chance_of(score: LabScore) -> float:
    """McNemar's p of gains against regressions."""
    both = score.right_before - score.regressions
    neither = score.n - both - score.regressions - score.gains
    return mcnemar(PairedTable(both, score.regressions, score.gains, neither))
