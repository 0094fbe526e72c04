"""What a provider or the operator asks of one question holds for all questions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from callgauge.domain.judging import JudgeUnavailable
from callgauge.judge import Gate, JudgeSettings
from callgauge.judge.client import HttpJudge
from callgauge.judge.openai import OpenAIChat
from tests.judge.asking import question
from tests.judge.clocks import FastClock, fast_clock
from tests.judge.hand_made import HandMade, answered, refused


def judge_behind(gate: Gate, url: str, clock: FastClock, model: str = "fake", **changes: float) -> HttpJudge:
    settings = JudgeSettings("openai", model, base_url=f"{url}/v1", **changes)
    return HttpJudge(OpenAIChat(settings), settings, gate=gate, clock=clock)


class Announcing(Gate):
    def __init__(self, clock: FastClock) -> None:
        super().__init__(clock=clock)
        self.closed = asyncio.Event()

    def pause(self, secs: float) -> None:
        super().pause(secs)
        self.closed.set()


def test_a_pause_that_one_question_was_told_holds_for_every_judge_of_the_provider() -> None:
    clock = fast_clock()
    gate = Announcing(clock)

    async def run() -> list[float]:
        async with HandMade([refused(429, Retry_After="20"), answered()], now=clock.now) as server:
            first = judge_behind(gate, server.url, clock)
            others = [judge_behind(gate, server.url, clock, f"fake-{n}") for n in range(5)]
            asked = asyncio.create_task(first.ask(question()))
            await gate.closed.wait()
            await asyncio.gather(asked, *(other.ask(question()) for other in others))
            for judge in (first, *others):
                await judge.close()
        return server.times

    times = asyncio.run(run())
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= 20


def test_a_pause_beyond_the_deadline_ends_a_question_unsent() -> None:
    clock = fast_clock()
    gate = Gate(clock=clock)
    gate.pause(1000)

    async def run() -> int:
        async with HandMade([answered()]) as server:
            judge = judge_behind(gate, server.url, clock, deadline_secs=300.0)
            with pytest.raises(JudgeUnavailable, match="deadline of 300 s"):
                await judge.ask(question())
            await judge.close()
        return len(server.bodies)

    assert asyncio.run(run()) == 0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = fast_clock(speed=1.0)
    gate = Gate(clock=clock)
    gate.pause(500)
    gate.pause(5)

    assert gate.closed_secs > 400


def test_refusals_that_name_no_time_close_nothing() -> None:
    clock = fast_clock()
    gate = Gate(clock=clock)

    async def run() -> None:
        async with HandMade([refused(429), refused(500), answered()]) as server:
            judge = judge_behind(gate, server.url, clock)
            await judge.ask(question())
            await judge.close()

    asyncio.run(run())
    assert gate.closed_secs == 0


@dataclass
class Counting:
    """Lets everything through after `wait_secs`, and counts."""

    clock: FastClock
    wait_secs: float = 0.0
    taken: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    async def take(self, tokens: int) -> None:
        self.taken.append(tokens)
        await self.clock.sleep(self.wait_secs)

    def settle(self, tokens: int) -> None:
        self.settled.append(tokens)


def test_every_http_request_is_taken_from_the_rate_and_settled_with_what_it_used() -> None:
    clock = fast_clock()
    allowance = Counting(clock)

    async def run() -> None:
        async with HandMade([refused(500), answered("{}"), answered()]) as server:
            judge = judge_behind(Gate(allowance=allowance, clock=clock), server.url, clock)
            await judge.ask(question())
            await judge.close()

    asyncio.run(run())
    assert len(allowance.taken) == 3
    assert len(set(allowance.taken)) == 1
    # A request that failed used nothing; the other two used 110 tokens each.
    assert allowance.settled == [used - allowance.taken[0] for used in (0, 110, 110)]


def test_waiting_for_the_operators_rate_is_not_taken_from_the_deadline() -> None:
    clock = fast_clock()

    async def run() -> None:
        async with HandMade([answered()]) as server:
            gate = Gate(allowance=Counting(clock, wait_secs=50), clock=clock)
            judge = judge_behind(gate, server.url, clock, deadline_secs=40.0, timeout_secs=40.0)
            await judge.ask(question())
            await judge.close()

    asyncio.run(run())
