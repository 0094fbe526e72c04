"""How fast a provider of judges may be asked, and whether it is known to answer: a row per provider, so that
it holds for all workers.

Requests are reserved for all questions that wait, in one short transaction, not one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Now

from callgauge.domain.calls import stable_hash
from callgauge.domain.options import Rate
from callgauge.store.models import ProviderAnswered, ProviderBucket
from callgauge.store.turns import write_turn

BURST_SHARE = 10
"""A tenth of the rate may go at once; the rest is refilled evenly, so that no window holds more than the
whole rate. A bucket as large as the rate would let twice as many through in its first minute."""
LOOK_AGAIN_SECS = 1.0
"""The longest wait before the row is looked at again: other workers may have given tokens back."""

ANSWERED_FOR = timedelta(days=7)
"""So long a provider that has answered is taken for one that is set up rightly."""

LEAST_WAIT_SECS = 0.01
"""Bounds how often the row is written when a small fraction of a request is missing."""


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    requests: Rate | None = None
    tokens: Rate | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    requests: int
    """How many of those that wait may be sent, from the first on."""
    wait_secs: float
    """When it is worth asking for more; 0 where all may be sent."""


@dataclass(frozen=True, slots=True)
class News:
    paused_secs: float
    """How long nobody is to ask, 0 where anybody may."""
    answered: bool
    """Whether it has answered some worker, at the same address and not long ago."""


@dataclass(frozen=True, slots=True)
class _Flow:
    """A rate as a bucket: how much it holds, and how fast it fills."""

    burst: float
    per_sec: float

    @classmethod
    def of(cls, rate: Rate) -> _Flow:
        if rate.count < BURST_SHARE:
            return cls(1.0, rate.count / rate.per_secs)
        burst = float(rate.count // BURST_SHARE)
        return cls(burst, (rate.count - burst) / rate.per_secs)


def reserve(provider: str, limits: ProviderLimits, waiting: Sequence[int], owed: int = 0) -> Reserved:
    """Take as many requests as the limits allow now, for questions of about `waiting` tokens each.

    `owed` tokens were used beyond what earlier requests took; less than 0 where they used less."""
    with write_turn(), transaction.atomic():
        requests = None if limits.requests is None else _Flow.of(limits.requests)
        tokens = None if limits.tokens is None else _Flow.of(limits.tokens)
        row = _row(provider, requests, tokens)
        row.tokens -= owed
        granted = 0
        for need in waiting:
            if not (_has(row.requests, 1, requests) and _has(row.tokens, need, tokens)):
                break
            row.requests -= 1
            row.tokens -= need
            granted += 1
        row.save()
    left = waiting[granted:]
    return Reserved(granted, _wait_secs(row, left, requests, tokens) if left else 0.0)


def pause(provider: str, secs: float) -> None:
    """The provider wants nobody to ask for that long. A shorter pause does not end a longer one."""
    with write_turn(), transaction.atomic():
        _bucket(provider)
        row = ProviderBucket.objects.select_for_update().get(provider=provider)
        until = _now(row.pk) + timedelta(seconds=secs)
        if row.paused_until is None or row.paused_until < until:
            row.paused_until = until
            row.save(update_fields=["paused_until"])


def note_answer(provider: str, address: str) -> None:
    """It has answered at this address."""
    with write_turn(), transaction.atomic():
        ProviderAnswered.objects.update_or_create(
            provider=provider, address=_hashed(address), defaults={"answered_at": Now()}
        )


def news(asked: Sequence[tuple[str, str]]) -> list[News]:
    """Of providers, each with the address where it is asked: what any worker has learned of them, by the
    database's clock."""
    providers = {provider for provider, _ in asked}
    pauses = ProviderBucket.objects.filter(provider__in=providers, paused_until__gt=Now())
    paused_secs = {
        row.provider: (row.paused_until - row.now).total_seconds() for row in pauses.annotate(now=Now())
    }
    lately = ProviderAnswered.objects.filter(
        provider__in=providers, answered_at__gt=Now() - Value(ANSWERED_FOR)
    )
    answered = set(lately.values_list("provider", "address"))
    return [
        News(paused_secs.get(provider, 0.0), (provider, _hashed(address)) in answered)
        for provider, address in asked
    ]


def _hashed(address: str) -> str:
    """An address may hold what is secret."""
    return stable_hash(address)


def _row(provider: str, requests: _Flow | None, tokens: _Flow | None) -> ProviderBucket:
    """The provider's row, locked and refilled."""
    _bucket(provider, requests.burst if requests else 0.0, tokens.burst if tokens else 0.0)
    row = ProviderBucket.objects.select_for_update().get(provider=provider)
    now = _now(row.pk)  # after the lock was given: what was waited for it counts as well
    elapsed_secs = max(timedelta(), now - row.refilled_at).total_seconds()
    row.refilled_at = max(now, row.refilled_at)
    row.requests = _refilled(row.requests, requests, elapsed_secs)
    row.tokens = _refilled(row.tokens, tokens, elapsed_secs)
    return row


def _bucket(provider: str, requests: float = 0.0, tokens: float = 0.0) -> None:
    """Make the row where there is none yet."""
    full = {"requests": requests, "tokens": tokens, "refilled_at": Now()}
    ProviderBucket.objects.get_or_create(provider=provider, defaults=full)


def _refilled(level: float, flow: _Flow | None, elapsed_secs: float) -> float:
    """Without a rate the level means nothing; 0 keeps what it once was from being counted later."""
    return 0.0 if flow is None else min(flow.burst, level + elapsed_secs * flow.per_sec)


def _has(level: float, need: float, flow: _Flow | None) -> bool:
    """A question larger than the bucket goes when the bucket is full, and leaves it in debt."""
    return flow is None or level >= min(need, flow.burst)


def _wait_secs(
    row: ProviderBucket, left: Sequence[int], requests: _Flow | None, tokens: _Flow | None
) -> float:
    """Until several can be sent together: half a bucket, or fewer if fewer wait."""
    waits = [0.0]
    if requests is not None:
        wanted = min(len(left), max(1.0, requests.burst // 2))
        waits.append((wanted - row.requests) / requests.per_sec)
    if tokens is not None:
        waits.append((min(left[0], tokens.burst) - row.tokens) / tokens.per_sec)
    return min(max(*waits, LEAST_WAIT_SECS), LOOK_AGAIN_SECS)


def _now(pk: int) -> datetime:
    """By the database's clock, as workers on several machines must agree on it."""
    now: datetime = ProviderBucket.objects.filter(pk=pk).annotate(now=Now()).get().now
    return now
