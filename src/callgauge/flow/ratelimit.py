"""Token buckets in the database: they hold across threads, processes and restarts."""

from __future__ import annotations

import math
import time

from django.db import transaction

from callgauge.domain.options import Rate
from callgauge.flow.errors import RateLimited
from callgauge.store.models import Project, RateBucket
from callgauge.store.turns import write_turn


def take(project: Project, scope: str, rate: Rate | None) -> None:
    """Take one token. Raises RateLimited, with the whole seconds after which one will be there."""
    if rate is None:
        return
    with write_turn(), transaction.atomic():
        now = time.time()
        # The bucket's row is made under a lock that exists already, so that two first requests do not race.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        bucket = RateBucket.objects.filter(project=project, scope=scope).first()
        if bucket is None:
            bucket = RateBucket(project=project, scope=scope, tokens=rate.count, refilled_at=now)
        per_token_secs = rate.per_secs / rate.count
        elapsed_secs = max(0.0, now - bucket.refilled_at)  # a clock set back must not drain the bucket
        bucket.tokens = min(float(rate.count), bucket.tokens + elapsed_secs / per_token_secs)
        bucket.refilled_at = now
        if bucket.tokens < 1.0:
            raise RateLimited(max(1, math.ceil((1.0 - bucket.tokens) * per_token_secs)))
        bucket.tokens -= 1.0
        bucket.save()
