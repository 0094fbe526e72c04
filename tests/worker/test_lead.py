"""Who goes ahead, who waits, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from callgauge.domain.judging import JudgeRequest, Message
from callgauge.worker.lead import Lead, shared_tokens


@dataclass
class Cached:
    model: str = "openai:m"
    scripted: bool = False
    cache_min_tokens: int | None = 1000

    async def ask(self, request: JudgeRequest) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def question(chars: int = 8000) -> JudgeRequest:
    messages = [Message("system", "You judge."), Message("user", "x" * chars, cacheable=True)]
    return JudgeRequest([*messages, Message("user", "Was it good?")], schema={}, schema_name="s")


class Asked:
    """Questions to one judge under one lead; the log tells who was let through in which order."""

    def __init__(self, judge: Cached | None = None, lead: Lead | None = None, chars: int = 8000) -> None:
        self.judge = judge or Cached()
        self.lead = lead or Lead()
        self.request = question(chars)
        self.log: list[int] = []
        self.third = asyncio.Event()
        self.answers: dict[int, asyncio.Future[None]] = {}

    async def ask(self, number: int, *, from_checkpoint: bool = False) -> None:
        async with self.lead.turn(self.judge, self.request):
            self.log.append(number)
            if len(self.log) == 3:
                self.third.set()
            if from_checkpoint:
                return
            async with self.lead.sending(self.judge):
                self.answers[number] = asyncio.get_running_loop().create_future()
                await self.answers[number]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_goes_ahead_and_the_others_follow_together() -> None:
    async def run() -> None:
        asked = Asked()
        tasks = [asyncio.create_task(asked.ask(number)) for number in range(4)]
        await settle()
        assert asked.log == [0]
        asked.answers[0].set_result(None)
        await settle()
        assert asked.log == [0, 1, 2, 3]
        for number in (1, 2, 3):
            asked.answers[number].set_result(None)
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_an_answer_from_the_checkpoint_and_a_failure_leave_the_lead_to_the_next() -> None:
    async def run() -> None:
        asked = Asked()
        tasks = [asyncio.create_task(asked.ask(number, from_checkpoint=number < 2)) for number in range(4)]
        await settle()
        assert asked.log == [0, 1, 2]
        asked.answers[2].set_exception(RuntimeError("no answer"))
        await settle()
        assert asked.log == [0, 1, 2, 3]
        asked.answers[3].set_result(None)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results].count(RuntimeError) == 1

    asyncio.run(run())


def test_a_leader_that_is_cancelled_while_it_waits_is_replaced() -> None:
    async def run() -> None:
        asked = Asked()
        tasks = [asyncio.create_task(asked.ask(number)) for number in range(3)]
        await settle()
        tasks[0].cancel()
        await settle()
        assert asked.log == [0, 1]
        tasks[1].cancel()
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_a_leader_that_gets_no_answer_holds_nobody_up_for_long() -> None:
    async def run() -> None:
        asked = Asked(lead=Lead(wait_secs=0.0))
        tasks = [asyncio.create_task(asked.ask(number)) for number in range(3)]
        await asked.third.wait()
        assert not asked.answers[0].done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_nobody_waits_where_nothing_is_cached() -> None:
    async def run() -> None:
        for asked in (Asked(Cached(cache_min_tokens=None)), Asked(chars=3000)):
            tasks = [asyncio.create_task(asked.ask(number)) for number in range(3)]
            await settle()
            assert asked.log == [0, 1, 2]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_judges_have_leads_of_their_own() -> None:
    async def run() -> None:
        lead = Lead()
        first, second = Asked(lead=lead), Asked(Cached(model="openai:other"), lead=lead)
        tasks = [asyncio.create_task(asked.ask(0)) for asked in (first, second)]
        await settle()
        assert (first.log, second.log) == ([0], [0])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_only_what_the_questions_share_counts() -> None:
    assert shared_tokens(question(4000)) == (4000 + len("You judge.")) // 4
    alone = JudgeRequest([Message("user", "x" * 9000)], schema={}, schema_name="s")
    assert shared_tokens(alone) == 0
