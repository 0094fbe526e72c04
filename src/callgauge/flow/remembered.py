"""Requests that are known again by their Idempotency-Key."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from callgauge.flow.errors import Invalid
from callgauge.store.models import Project, RememberedRequest, Rerun

REMEMBER_FOR = timedelta(hours=24)


def remember(project: Project, idempotency_key: str, body_hash: str, rerun: Rerun) -> None:
    if idempotency_key:
        RememberedRequest.objects.create(
            project=project, key=idempotency_key, body_hash=body_hash, rerun=rerun
        )


def remembered(project: Project, idempotency_key: str, body_hash: str) -> Rerun | None:
    if not idempotency_key:
        return None
    old = timezone.now() - REMEMBER_FOR
    RememberedRequest.objects.filter(project=project, created_at__lt=old).delete()
    seen = (
        RememberedRequest.objects.select_related("rerun").filter(project=project, key=idempotency_key).first()
    )
    if seen is None:
        return None
    if seen.body_hash != body_hash:
        raise Invalid.field("Idempotency-Key", "This key was used for a different request.")
    return seen.rerun
