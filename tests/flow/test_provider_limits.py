"""Rates per provider: held in every window, shared by all workers, reserved in batches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from callgauge.domain.options import Rate
from callgauge.flow import provider_limits
from callgauge.flow.provider_limits import ProviderLimits, reserve
from callgauge.store.models import ProviderBucket

MINUTE = 59.999  # half open, and sums of fractions of a second are not exact


@dataclass
class DatabaseClock:
    secs: float = 0.0

    def now(self, pk: int) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.secs)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> DatabaseClock:
    clock = DatabaseClock()
    monkeypatch.setattr(provider_limits, "_now", clock.now)
    return clock


def _start(clock: DatabaseClock, limits: ProviderLimits) -> None:
    """The row as it stands once it has been filled by the test's clock."""
    reserve("openai", limits, [])
    ProviderBucket.objects.update(refilled_at=clock.now(0))


def _sent(clock: DatabaseClock, limits: ProviderLimits, waiting: list[int], until_secs: float) -> list[float]:
    """When each request of an endless queue may be sent, asked for as a worker asks."""
    times: list[float] = []
    while clock.secs < until_secs:
        reserved = reserve("openai", limits, waiting)
        times += [clock.secs] * reserved.requests
        clock.secs += reserved.wait_secs or 0.01
    return times


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3, 9, 10, 25, 500])
def test_no_minute_holds_more_than_the_rate(clock: DatabaseClock, count: int) -> None:
    limits = ProviderLimits(requests=Rate(count, 60))
    _start(clock, limits)
    times = _sent(clock, limits, [100] * 20, 180)

    in_any_minute = max(sum(start <= time < start + MINUTE for time in times) for start in times)
    assert in_any_minute <= count
    assert len(times) >= 2.5 * count


@pytest.mark.django_db
def test_tokens_are_limited_too(clock: DatabaseClock) -> None:
    limits = ProviderLimits(requests=Rate(1000, 60), tokens=Rate(60_000, 60))
    _start(clock, limits)
    times = _sent(clock, limits, [3000] * 20, 180)

    assert max(sum(start <= time < start + MINUTE for time in times) for start in times) <= 20
    assert len(times) >= 45


@pytest.mark.django_db
def test_a_question_larger_than_the_bucket_goes_when_it_is_full_and_is_paid_back(
    clock: DatabaseClock,
) -> None:
    limits = ProviderLimits(tokens=Rate(60_000, 60))
    _start(clock, limits)
    times = _sent(clock, limits, [30_000], 240)

    assert times[0] == 0
    assert len(times) in {7, 8}


@pytest.mark.django_db
def test_what_was_used_beyond_the_estimate_is_owed(clock: DatabaseClock) -> None:
    limits = ProviderLimits(tokens=Rate(60_000, 60))
    _start(clock, limits)
    assert reserve("openai", limits, [1000]).requests == 1
    assert reserve("openai", limits, [1000], owed=5_000).requests == 0
    assert reserve("openai", limits, [1000], owed=-5_000).requests == 1


@pytest.mark.django_db
def test_providers_do_not_share(clock: DatabaseClock) -> None:
    limits = ProviderLimits(requests=Rate(1, 60))
    assert [reserve(name, limits, [1]).requests for name in ("openai", "openai", "gemini")] == [1, 0, 1]


@pytest.mark.django_db
def test_a_clock_set_back_neither_fills_nor_drains(clock: DatabaseClock) -> None:
    limits = ProviderLimits(requests=Rate(100, 60))
    _start(clock, limits)
    assert reserve("openai", limits, [1] * 6).requests == 6
    clock.secs = -3600
    assert reserve("openai", limits, [1] * 10).requests == 4
    clock.secs = 0
    assert reserve("openai", limits, [1]).requests == 0


@pytest.mark.django_db
def test_without_a_rate_everything_goes() -> None:
    assert reserve("openai", ProviderLimits(), [10**9] * 50).requests == 50


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_never_get_more_than_there_is() -> None:
    limits = ProviderLimits(requests=Rate(100, 86_400))

    def take(_: int) -> int:
        try:
            return reserve("openai", limits, [1, 1, 1]).requests
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(24)))
    assert sum(taken) == 10
