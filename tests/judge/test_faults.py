"""Three seeded runs against a server that fails in every way it knows."""

from __future__ import annotations

import asyncio

import pytest

from callgauge.domain.judging import JudgeAnswer
from callgauge.judge.fake_answers import MARK
from callgauge.judge.fake_faults import Faults
from callgauge.judge.server import FakeServer
from tests.judge.asking import judge_at, question
from tests.judge.clocks import fast_clock

QUESTIONS = 100
IN_FLIGHT = 25


async def ask_all(provider: str, seed: int) -> tuple[list[JudgeAnswer], FakeServer]:
    clock = fast_clock(seed)
    faults = Faults(
        refuse_429=0.12,
        fail_500=0.08,
        truncate=0.05,
        misshape=0.05,
        stall=0.02,
        seed=seed,
        retry_after_secs=4,
    )
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with FakeServer(faults=faults, now=clock.now) as server:
        # 50 s are 500 ms on the wall: more than the server needs for 25 requests, less than a stall.
        judge = judge_at(server.url, provider, clock, timeout_secs=50, deadline_secs=1500)

        async def ask(number: int) -> JudgeAnswer:
            async with gate:
                return await judge.ask(question(f'Question {number}. {MARK} {{"value": {number}}}'))

        try:
            return list(await asyncio.gather(*(ask(number) for number in range(QUESTIONS)))), server
        finally:
            await judge.close()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_answer_is_right_in_spite_of_faults(provider: str, seed: int) -> None:
    answers, server = asyncio.run(ask_all(provider, seed))

    assert [answer.content["value"] for answer in answers] == list(range(QUESTIONS))
    attempts = sum(answer.attempts for answer in answers)
    faults = [word for answer in answers for word in answer.faults]
    assert len(faults) == attempts - QUESTIONS
    if faults.count("timeout") == server.stats.faults["stall"]:
        # No time-out came from a slow machine: every refusal was read, and both sides have counted the same.
        assert server.stats.early_retries == 0
        assert attempts == server.stats.requests
        assert sum(answer.usage.requests for answer in answers) == server.stats.answered
        assert sum(answer.usage.input_tokens for answer in answers) == server.stats.prompt_tokens
    assert {"429", "500", "truncated", "wrong_shape"} <= set(faults)
    assert set(faults) <= {"429", "500", "truncated", "wrong_shape", "timeout"}
