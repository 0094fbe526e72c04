"""Batches at a provider, against the fake server: shapes from public documentation, no real provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callgauge.domain.judging import JudgeRequest
from callgauge.judge import open_batches
from callgauge.judge.batch import (
    BatchApi,
    BatchRefused,
    BatchState,
    BatchUnavailable,
    BatchUnsure,
    Read,
)
from callgauge.judge.prices import Prices
from callgauge.judge.server import FakeServer
from tests.judge.asking import judge_at, question

PROVIDERS = ["openai", "anthropic"]
PRICES = Prices(1.0, 4.0)
UID = "0" * 32
LONG_AGO = 1_700_000_000.0


def questions(count: int) -> list[tuple[str, JudgeRequest]]:
    return [(f"{number:064x}", question(f"Question {number}")) for number in range(count)]


async def with_batches(
    provider: str, use: Callable[[BatchApi, FakeServer], Awaitable[Any]], **settings: Any
) -> Any:
    async with FakeServer() as server:
        judge = judge_at(server.url, provider, prices=PRICES, **settings)
        api = open_batches(judge)
        assert api is not None
        try:
            return await use(api, server)
        finally:
            await api.close()
            await judge.close()


async def _read_all(api: BatchApi, batch_id: str, asked: list[tuple[str, JudgeRequest]]) -> dict[str, Read]:
    requests = dict(asked)
    return {line.key: api.read(line, requests[line.key]) async for line in api.lines(batch_id)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_answers_are_those_of_single_requests_at_half_the_price(provider: str) -> None:
    asked = questions(20)

    async def use(api: BatchApi, server: FakeServer) -> None:
        server.batches.plan.looks = 2
        batch_id = await api.submit(UID, asked)
        assert await api.look(batch_id) is BatchState.RUNNING
        assert await api.look(batch_id) is BatchState.ENDED
        found = await _read_all(api, batch_id, asked)
        assert list(found) != [key for key, _ in asked], "the fake gives results in another order"
        judge = judge_at(server.url, provider, prices=PRICES)
        for key, request in asked:
            singly = await judge.ask(request)
            answer = found[key].answer
            assert answer is not None
            assert (answer.content, answer.model) == (singly.content, singly.model)
            usage = answer.usage
            plain = usage.input_tokens * 1.0 + usage.output_tokens * 4.0
            assert usage.cost_usd == pytest.approx(plain / 1_000_000 / 2)
            assert usage.output_tokens == singly.usage.output_tokens > 0
        await judge.close()

    asyncio.run(with_batches(provider, use))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_expired_failed_or_has_a_wrong_shape_has_no_answer(provider: str) -> None:
    asked = questions(20)

    async def use(api: BatchApi, server: FakeServer) -> dict[str, Read]:
        server.batches.plan.expires_after = 15
        server.batches.plan.error_every = 5
        server.batches.plan.misshape_every = 4
        batch_id = await api.submit(UID, asked)
        assert await api.look(batch_id) is BatchState.ENDED
        return await _read_all(api, batch_id, asked)

    found = asyncio.run(with_batches(provider, use))
    answered = {number for number, (key, _) in enumerate(asked, 1) if found[key].answer is not None}
    assert answered == {n for n in range(1, 16) if n % 5 and n % 4}
    paid = {number for number, (key, _) in enumerate(asked, 1) if found[key].usage.requests}
    assert paid == {n for n in range(1, 16) if n % 5}, "a useless answer was paid for as well"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_cancelled_batch_gives_what_it_has(provider: str) -> None:
    asked = questions(10)

    async def use(api: BatchApi, server: FakeServer) -> dict[str, Read]:
        server.batches.plan.looks = 100
        batch_id = await api.submit(UID, asked)
        assert await api.look(batch_id) is BatchState.RUNNING
        await api.cancel(batch_id)
        assert await api.look(batch_id) is BatchState.ENDED
        return await _read_all(api, batch_id, asked)

    found = asyncio.run(with_batches(provider, use))
    assert sum(read.answer is not None for read in found.values()) == 5


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (429, BatchUnavailable),
        (503, BatchUnavailable),
        (500, BatchUnsure),
        (404, BatchRefused),
        (401, BatchRefused),
    ],
)
def test_a_refusal_says_whether_a_batch_may_have_been_made(
    provider: str, status: int, fault: type[Exception]
) -> None:
    async def use(api: BatchApi, server: FakeServer) -> None:
        server.batches.plan.refuse_status = status
        with pytest.raises(fault) as raised:
            await api.submit(UID, questions(2))
        assert "Question" not in str(raised.value)

    asyncio.run(with_batches(provider, use))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_that_is_away_has_made_nothing(provider: str) -> None:
    async def use() -> None:
        async with FakeServer() as server:
            judge = judge_at(server.url, provider)
        api = open_batches(judge)
        assert api is not None
        with pytest.raises(BatchUnavailable):
            await api.submit(UID, questions(1))
        await api.close()

    asyncio.run(use())


def test_openai_finds_a_batch_whose_id_was_lost() -> None:
    async def use(api: BatchApi, server: FakeServer) -> None:
        server.batches.plan.lose_replies = 1
        with pytest.raises(BatchUnsure):
            await api.submit(UID, questions(2))
        for number in range(120):
            await api.submit(f"{number:032x}"[::-1] + "x", questions(1))
        assert await api.find(UID, LONG_AGO, (), ()) == server.batches.made[0].id
        assert await api.find("another", LONG_AGO, (), ()) is None

    asyncio.run(with_batches("openai", use))


def test_anthropic_finds_a_batch_by_its_questions_once_it_has_ended() -> None:
    async def use(api: BatchApi, server: FakeServer) -> None:
        server.batches.plan.lose_replies, server.batches.plan.looks = 1, 2
        asked = questions(3)
        keys = [key for key, _ in asked]
        with pytest.raises(BatchUnsure):
            await api.submit(UID, asked)
        foreign = [(f"other-{key[:8]}-{key[-8:]}", request) for key, request in asked]
        for _ in range(120):
            await api.submit(UID, foreign)
        large = await api.submit(UID, [(f"l{number}", question("Q")) for number in range(9)])
        with pytest.raises(BatchUnavailable, match="not ended"):
            await api.find(UID, LONG_AGO, keys, ())
        mine = server.batches.made[0].id
        assert await api.find(UID, LONG_AGO, keys, {large}) == mine
        assert await api.find(UID, LONG_AGO, keys, {mine}) is None
        assert await api.find(UID, LONG_AGO, ["nobody's", "b", "c"], ()) is None
        assert await api.find(UID, time.time() + 9_999, keys, ()) is None, "made before"

    asyncio.run(with_batches("anthropic", use))


def test_openai_says_why_a_batch_failed() -> None:
    async def use(api: BatchApi, server: FakeServer) -> None:
        server.batches.plan.fail_code = "token_limit_exceeded"
        crowded = await api.submit(UID, questions(1))
        assert await api.look(crowded) is BatchState.CROWDED
        assert await api.find(UID, LONG_AGO, (), ()) is None, "a batch that failed answers nothing"
        server.batches.plan.fail_code = "invalid_json_line"
        assert await api.look(await api.submit(UID, questions(1))) is BatchState.FAILED

    asyncio.run(with_batches("openai", use))


def test_gemini_and_azure_have_no_batches_here() -> None:
    assert open_batches(judge_at("http://127.0.0.1:1", "gemini")) is None
    assert open_batches(judge_at("https://some.openai.azure.com", "openai")) is None


def test_the_size_of_a_question_is_known_before_it_is_sent() -> None:
    async def use(api: BatchApi, server: FakeServer) -> None:
        size = api.size(question("x" * 1000))
        assert size is not None
        assert 1500 < size < 3000
        assert api.size(question("\ud800")) is None

    asyncio.run(with_batches("openai", use))
