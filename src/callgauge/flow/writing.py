"""Having a model write for people: asked for, sent once, its answer committed before it is used, shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from callgauge.domain.judging import JudgeAnswer
from callgauge.engine.writing import Asked, WritingKind
from callgauge.flow import errands, ratelimit
from callgauge.flow.audit import record
from callgauge.flow.errors import NotFound
from callgauge.flow.scope import Who, projects_of
from callgauge.flow.wake import announce_work
from callgauge.store.models import ErrandState, Project, WritingJob
from callgauge.store.turns import write_turn

LOOK_SECS: Final = 0.1
ENDED: Final = (ErrandState.COMPLETED, ErrandState.FAILED)
LOST: Final = "The server stopped every time it worked on this; see the server's log."


@dataclass(frozen=True, slots=True)
class WritingWork:
    pk: int
    kind: WritingKind
    asked: Asked
    answer: Mapping[str, Any] | None
    """Of an earlier owner, which had it stored."""
    interrupted: bool
    """Sent before, by an owner that is gone: paid for perhaps."""
    give_up: bool


def request_writing(
    project: Project, kind: WritingKind, asked: Asked, about: Mapping[str, Any] | None = None
) -> WritingJob:
    """`about`: ids to give back with the result. Raises RateLimited."""
    ratelimit.take(project, "writing", settings.CALLGAUGE.rerun_rate)
    with write_turn(), transaction.atomic():
        errands.forget_old(WritingJob.objects.filter(project=project))
        job = WritingJob.objects.create(
            uid=errands.new_uid(),
            project=project,
            kind=kind.value,
            asked=asdict(asked),
            about=dict(about or {}),
        )
        record("writing.requested", job, kind=kind.value)
        announce_work()
    return job


def find_writing(who: Who, progress_id: str, kind: WritingKind) -> WritingJob:
    """Raises NotFound for what is foreign, missing, forgotten or something else."""
    found = WritingJob.objects.filter(
        project__in=projects_of(who), uid=errands.uid_of(progress_id), kind=kind.value
    ).first()
    if found is None:
        raise NotFound
    return found


def wait_for(job: WritingJob, secs: float) -> WritingJob:
    """The job as it is when it has ended, or after so long. The caller is in no transaction."""
    until = time.monotonic() + secs
    while job.state not in ENDED and time.monotonic() < until:
        time.sleep(LOOK_SECS)
        job.refresh_from_db()
    return job


def claim_writing(owner: str) -> WritingWork | None:
    job = errands.claim(WritingJob, owner)
    if job is None:
        return None
    asked = Asked(**{**job.asked, "there": tuple(job.asked["there"])})
    return WritingWork(
        job.pk,
        WritingKind(job.kind),
        asked,
        job.answer,
        interrupted=job.was_sent and job.answer is None,
        give_up=job.attempts > errands.MAX_ATTEMPTS,
    )


def begin_writing(owner: str, pk: int) -> bool:
    """Commit that it is about to be sent; False where another owner has it now."""
    return errands.held(WritingJob, owner, pk).update(was_sent=True) == 1


def store_writing(pk: int, answer: JudgeAnswer) -> None:
    """Commit the answer, also by an owner that lost its lease: it was paid for. The first one stays."""
    WritingJob.objects.filter(pk=pk, answer__isnull=True).update(
        answer=dict(answer.content),
        answered_by=answer.model[:255],
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cost_usd=answer.usage.cost_usd,
    )


def end_writing(owner: str, pk: int, result: Mapping[str, Any] | None, error: str = "") -> None:
    """Without a result it failed, for the reason given."""
    errands.end(WritingJob, owner, pk, failed=result is None, result=dict(result or {}), error=error[:1_000])
