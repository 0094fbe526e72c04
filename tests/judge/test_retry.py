"""When to try again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.judge.retry import retry_after_secs, wait_secs
from tests.judge.clocks import fast_clock

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = 1_792_567_680.0  # Wed, 21 Oct 2026 07:28:00 GMT
NINE_LATER = "Wed, 21 Oct 2026 07:28:09 GMT"


@pytest.mark.parametrize(
    ("headers", "secs"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 2),
        ({"Retry-After": NINE_LATER}, 9),
        ({"Retry-After": NINE_LATER, "Date": "Wed, 21 Oct 2026 07:28:05 GMT"}, 4),
        ({"Retry-After": NINE_LATER, "Date": "nonsense"}, 9),
        ({"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_what_the_server_asks(headers: dict[str, str], secs: float | None) -> None:
    assert retry_after_secs(headers, NOW) == (None if secs is None else pytest.approx(secs))


@UNHURRIED
@given(st.integers(1, 50), st.floats(0, 1e6), st.integers())
def test_never_less_than_asked(failures: int, asked_secs: float, seed: int) -> None:
    assert wait_secs(fast_clock(seed), failures, asked_secs) >= asked_secs


@UNHURRIED
@given(st.integers(1, 10_000), st.integers())
def test_backoff_grows_to_half_a_minute(failures: int, seed: int) -> None:
    wait = wait_secs(fast_clock(seed), failures, None)

    assert 0.75 * min(0.5 * 2.0 ** min(failures - 1, 100), 30) <= wait <= 30


def test_asking_for_no_wait_again_and_again_is_not_obeyed() -> None:
    waits = [wait_secs(fast_clock(), failures, 0.0) for failures in range(1, 6)]

    assert waits[0] == 0
    assert waits[1:] == sorted(waits[1:])
    assert waits[-1] > 2


def test_those_refused_together_do_not_return_together() -> None:
    clock = fast_clock()

    assert len({wait_secs(clock, 1, 2.0) for _ in range(20)}) == 20
    assert len({wait_secs(clock, 1, None) for _ in range(20)}) == 20
