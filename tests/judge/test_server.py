"""The fake server: its answers, its cache, and its faults."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any

import orjson
import pytest

from callgauge.domain.judging import JudgeAnswer, JudgeRequest, Message
from callgauge.judge.answers import misfit
from callgauge.judge.fake_answers import MARK
from callgauge.judge.fake_faults import Faults
from callgauge.judge.server import FakeServer
from tests.judge.asking import SCHEMA, judge_at, question
from tests.judge.clocks import fast_clock

PROVIDERS = ["openai", "anthropic", "gemini"]
TRANSCRIPT = "\n".join(f"[{turn}] CALLER: turn {turn} of a long call about a bill" for turn in range(400))


async def ask_in_turn(
    provider: str, requests: list[JudgeRequest], **settings: Any
) -> tuple[list[JudgeAnswer], FakeServer]:
    async with FakeServer() as server:
        judge = judge_at(server.url, provider, **settings)
        answers = [await judge.ask(request) for request in requests]
        await judge.close()
        return answers, server


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("response_format", ["json_schema", "json_object"])
def test_answers_fit_and_depend_on_the_prompt_alone(provider: str, response_format: str) -> None:
    requests = [question(f"Question {number % 30}") for number in range(60)]
    answers, server = asyncio.run(ask_in_turn(provider, requests, response_format=response_format))

    contents = [answer.content for answer in answers]
    assert contents[:30] == contents[30:]
    assert {content["value"] for content in contents} == {True, False}
    assert all(misfit(content, SCHEMA) is None for content in contents)
    assert all(answer.attempts == 1 for answer in answers)
    assert (server.stats.requests, server.stats.document()["distinct"]) == (60, 30)


def test_quotes_stand_in_the_call() -> None:
    answers, _ = asyncio.run(ask_in_turn("openai", [question(f"Question {n}") for n in range(20)]))
    quotes = {(item["turn"], item["quote"]) for answer in answers for item in answer.content["evidence"]}

    assert quotes == {(1, "Good morning, how can I help?"), (2, "My bill is wrong.")}


@pytest.mark.parametrize(
    ("wording", "kind", "allowed"),
    [
        ("`value` is `true` or `false`.", bool, [True, False]),
        ("`value` is one of these labels:\n\n- angry\n- in two words", str, ["angry", "in two words"]),
        ("`value` is one of these numbers, without words: 0, 2.0, 5.", int, [0, 2, 5]),
        ("`value` is a number from 0 to 5.", int, list(range(6))),
        ("`value` is one number, without a unit.", int, list(range(101))),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_value_is_of_the_kind_that_the_question_asks_for(
    provider: str, wording: str, kind: type, allowed: list[Any]
) -> None:
    answers, _ = asyncio.run(ask_in_turn(provider, [question(f"Q{n}? {wording}") for n in range(20)]))
    values = [answer.content["value"] for answer in answers]

    assert {type(value) for value in values} == {kind}
    assert all(value in allowed for value in values)
    assert len(set(values)) > 1


def test_a_marked_answer_is_given() -> None:
    marked = question(f'Which? {MARK} {{"value": "b", "explanation": ["As marked."]}} Thanks.')
    answers, _ = asyncio.run(ask_in_turn("openai", [marked]))

    assert (answers[0].content["value"], answers[0].content["explanation"]) == ("b", ["As marked."])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_metrics_of_one_call_share_a_cached_prefix(provider: str) -> None:
    messages = [Message("system", "You judge calls."), Message("user", TRANSCRIPT, cacheable=True)]
    requests = [question(messages=[*messages, Message("user", f"Question {number}")]) for number in range(10)]
    answers, server = asyncio.run(ask_in_turn(provider, requests))

    transcript_tokens = len(TRANSCRIPT) // 4
    assert answers[0].usage.cached_tokens == 0
    for answer in answers[1:]:
        assert 0.9 * transcript_tokens <= answer.usage.cached_tokens <= answer.usage.input_tokens
    assert sum(answer.usage.cached_tokens for answer in answers) == server.stats.cached_tokens


def test_anthropic_caches_only_what_is_marked() -> None:
    messages = [Message("system", "You judge calls."), Message("user", TRANSCRIPT), Message("user", "Why?")]
    answers, _ = asyncio.run(ask_in_turn("anthropic", [question(messages=messages)] * 2))

    assert [answer.usage.cached_tokens for answer in answers] == [0, 0]


def test_a_schema_of_its_own_spoils_the_prefix() -> None:
    messages = [Message("system", "You judge calls."), Message("user", TRANSCRIPT), Message("user", "Why?")]
    first = question(messages=messages)
    second = replace(first, schema={**SCHEMA, "title": "another"})
    answers, _ = asyncio.run(ask_in_turn("openai", [first, second]))

    assert answers[1].usage.cached_tokens == 0


def test_an_early_retry_is_noticed() -> None:
    async def run() -> FakeServer:
        clock = fast_clock()
        # The server's clock runs ten times slower than the judge's: every retry comes too early.
        async with FakeServer(faults=Faults(refuse_429=0.5, seed=1), now=lambda: clock.now() / 10) as server:
            judge = judge_at(server.url, clock=clock)
            for number in range(20):
                await judge.ask(question(f"Question {number}"))
            await judge.close()
            return server

    stats = asyncio.run(run()).stats
    assert stats.faults["429"] > 3
    assert stats.early_retries > 0


def test_faults_come_by_seed_and_in_their_share() -> None:
    faults = Faults(refuse_429=0.12, fail_500=0.08, truncate=0.05, misshape=0.05, stall=0.02, seed=7)
    drawn = [faults.draw(f"body {number}", 0) for number in range(10_000)]

    assert drawn == [faults.draw(f"body {number}", 0) for number in range(10_000)]
    assert drawn != [replace(faults, seed=8).draw(f"body {number}", 0) for number in range(10_000)]
    assert drawn.count("429") / 10_000 == pytest.approx(0.12, abs=0.02)
    assert drawn.count("stall") / 10_000 == pytest.approx(0.02, abs=0.01)
    assert drawn.count(None) / 10_000 == pytest.approx(0.68, abs=0.02)


@pytest.mark.parametrize("shares", [{"stall": -0.1}, {"refuse_429": 0.6, "fail_500": 0.6}])
def test_shares_that_cannot_be(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults(**shares)  # type: ignore[arg-type]


def test_requests_in_flight_are_counted_and_the_rest_is_refused() -> None:
    async def run() -> FakeServer:
        clock = fast_clock()
        async with FakeServer(latency_ms=5_000, sleep=clock.sleep) as server:
            judge = judge_at(server.url, clock=clock)
            await asyncio.gather(*(judge.ask(question(f"Question {number}")) for number in range(12)))
            await judge.close()
            return server

    assert asyncio.run(run()).stats.in_flight_max == 12


def test_it_runs_as_a_process_and_reports() -> None:
    command = [sys.executable, "-m", "callgauge.cli", "fake-judge", "--port", "0", "--latency-ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        async def run() -> None:
            judge = judge_at(url)
            assert (await judge.ask(question())).attempts == 1
            await judge.close()

        try:
            asyncio.run(run())
            bad = urllib.request.Request(f"{url}/v1/chat/completions", data=b"no json", method="POST")
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(bad)
            stats = orjson.loads(urllib.request.urlopen(f"{url}/stats").read())
            models = orjson.loads(urllib.request.urlopen(f"{url}/v1/models").read())
            assert (stats["requests"], stats["answered"]) == (2, 1)
            assert [model["id"] for model in models["data"]] == ["fake"]
            urllib.request.urlopen(urllib.request.Request(f"{url}/stats", method="DELETE"))
            assert orjson.loads(urllib.request.urlopen(f"{url}/stats").read())["requests"] == 0
        finally:
            process.terminate()  # not SIGINT, which a process started in the background may ignore
        assert process.wait(timeout=20) == 0
