"""Questions with sound: what each provider is sent, what they cost, and how long the sound is held."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from callgauge.domain.judging import JudgeCannotHear, JudgeRefused, JudgeRequest, Message, Side, Sound
from callgauge.judge import HEARS, JudgeSettings, Prices, parse_prices
from callgauge.judge.adapter import Quirks, Tokens, concede
from callgauge.judge.client import HttpJudge
from callgauge.judge.fake_faults import Faults
from callgauge.judge.gemini import GeminiContent
from callgauge.judge.openai import OpenAIChat
from callgauge.judge.prices import PriceList
from callgauge.judge.server import FakeServer
from tests.judge.asking import KEY, SCHEMA, judge_at, question
from tests.judge.clocks import FastClock, fast_clock

SOUND = Sound("a" * 64, None, 0.0, 12.0, "mp3/1")
SYSTEM, CALL, QUESTION = (message.text for message in question().messages)


def mp3(secs: float = 1.0) -> bytes:
    out = io.BytesIO()
    tone = 0.1 * np.sin(np.arange(int(secs * 16_000)) / 10)
    soundfile.write(out, tone, 16_000, format="MP3")
    return out.getvalue()


class Held:
    """Counts how often the sound was taken, and whether anybody holds it."""

    def __init__(self, fault: JudgeCannotHear | None = None) -> None:
        self.taken = self.held = 0
        self._fault = fault
        self._sound = mp3()

    @asynccontextmanager
    async def open(self, sound: Sound) -> AsyncIterator[bytes]:
        if self._fault is not None:
            raise self._fault
        self.taken, self.held = self.taken + 1, self.held + 1
        yield self._sound
        self.held -= 1


def heard_question(held: Held | None = None, sound: Sound = SOUND) -> JudgeRequest:
    system, call, asked = question().messages
    messages = [system, call, Message("user", "Listen.", sound=sound), asked]
    return question(messages=messages, open_sound=None if held is None else held.open)


def test_openai_request() -> None:
    adapter = OpenAIChat(JudgeSettings("openai", "gpt-audio", api_key=KEY))
    document = json.loads(adapter.body(heard_question(), Quirks(), b"ID3 sound"))
    assert document["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": CALL},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Listen."},
                {
                    "type": "input_audio",
                    "input_audio": {"data": b64encode(b"ID3 sound").decode(), "format": "mp3"},
                },
            ],
        },
        {"role": "user", "content": QUESTION},
    ]


def test_gemini_request() -> None:
    adapter = GeminiContent(JudgeSettings("gemini", "gemini-2.5-flash", api_key=KEY))
    document = json.loads(adapter.body(heard_question(), Quirks(), b"ID3 sound"))
    data = b64encode(b"ID3 sound").decode()
    assert document["contents"] == [
        {"role": "user", "parts": [{"text": CALL}]},
        {
            "role": "user",
            "parts": [{"text": "Listen."}, {"inlineData": {"mimeType": "audio/mp3", "data": data}}],
        },
        {"role": "user", "parts": [{"text": QUESTION}]},
    ]


def test_what_is_known_to_listen() -> None:
    known = [
        ("openai", "gpt-audio", True),
        ("openai", "gpt-4o-audio-preview", True),
        ("openai", "gpt-4.1", False),
        ("gemini", "gemini-2.5-flash", True),
        ("gemini", "models/gemini-2.5-pro", True),
        ("gemini", "gemma-3-27b-it", False),
        ("anthropic", "claude-haiku-4-5", False),
    ]
    assert [(provider, model, HEARS[provider](model)) for provider, model, _ in known] == known


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("response_format", ["json_schema", "json_object"])
def test_the_answer_and_the_tokens_of_the_sound(provider: str, response_format: str) -> None:
    async def run() -> tuple[Any, Held]:
        held = Held()
        prices = Prices(1.0, 1.0, sound_usd=1_001.0)
        async with FakeServer() as server:
            judge = judge_at(server.url, provider, response_format=response_format, prices=prices)
            plain = await judge.ask(question())
            answer = await judge.ask(heard_question(held))
            await judge.close()
            return (plain, answer), held

    (plain, answer), held = asyncio.run(run())
    assert answer.content.keys() == SCHEMA["properties"].keys()
    assert (held.taken, held.held) == (1, 0)
    heard = answer.usage.input_tokens - plain.usage.input_tokens
    assert heard >= len(mp3()) // 700
    assert answer.usage.cost_usd - plain.usage.cost_usd > 1000 * (heard - 20) / 1e6


def test_anthropic_is_never_sent_a_sound() -> None:
    async def run() -> int:
        held = Held()
        async with FakeServer() as server:
            judge = judge_at(server.url, "anthropic")
            with pytest.raises(JudgeRefused, match="takes no sound"):
                await judge.ask(heard_question(held))
            await judge.close()
            return server.stats.requests + held.taken

    assert asyncio.run(run()) == 0


def test_faults_of_the_provider_are_got_over_and_the_sound_is_held_only_while_sent() -> None:
    async def run() -> None:
        held = Held()
        waits: list[int] = []

        class Watched(FastClock):
            async def sleep(self, secs: float) -> None:
                waits.append(held.held)
                await super().sleep(secs)

        clock = Watched()
        faults = Faults(refuse_429=0.12, fail_500=0.2, truncate=0.05, misshape=0.05, seed=3)
        async with FakeServer(faults=faults, now=clock.now, sleep=clock.sleep) as server:
            judge = judge_at(server.url, clock=clock)
            for number in range(60):
                asked = heard_question(held, replace(SOUND, start_secs=float(number)))
                texts = [*asked.messages[:-1], Message("user", f"Question {number}")]
                assert (await judge.ask(replace(asked, messages=texts))).content["applicable"] is True
            await judge.close()
            assert server.stats.early_retries == 0
            assert sum(server.stats.faults.values()) > 10
            assert held.taken == server.stats.requests
        assert waits
        assert set(waits) == {0}

    asyncio.run(run())


@pytest.mark.parametrize("retryable", [True, False])
def test_a_sound_that_cannot_be_had(retryable: bool) -> None:
    async def run() -> None:
        held = Held(JudgeCannotHear("The file is gone.", retryable=retryable))
        async with FakeServer() as server:
            judge = judge_at(server.url)
            with pytest.raises(JudgeCannotHear, match="gone") as raised:
                await judge.ask(heard_question(held))
            await judge.close()
            assert (raised.value.retryable, server.stats.requests) == (retryable, 0)

    asyncio.run(run())


def test_the_time_to_cut_is_not_the_providers() -> None:
    async def run() -> Any:
        clock = fast_clock()

        @asynccontextmanager
        async def slow(sound: Sound) -> AsyncIterator[bytes]:
            await clock.sleep(200)
            yield mp3()

        async with FakeServer() as server:
            judge = judge_at(server.url, clock=clock, deadline_secs=100)
            answer = await judge.ask(replace(heard_question(), open_sound=slow))
            await judge.close()
            return answer

    assert asyncio.run(run()).attempts == 1


def test_a_model_that_refuses_every_format_is_asked_in_words() -> None:
    """As OpenAI's models that listen do."""
    strict = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    loose = "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model."
    second = concede(Quirks(), strict, may_drop_schema=True)
    assert second == Quirks(schema=False)
    third = concede(second, loose, may_drop_schema=True)
    assert third == Quirks(schema=False, json_mode=False)
    assert concede(third, loose, may_drop_schema=True) is None
    assert concede(second, loose) is None, "json_schema was asked for by setting"
    adapter = OpenAIChat(JudgeSettings("openai", "gpt-audio", api_key=KEY))
    document = json.loads(adapter.body(question(), third))
    assert "response_format" not in document
    assert json.loads(document["messages"][0]["content"].splitlines()[-1]) == SCHEMA


def test_tokens_of_sound_count_for_the_rate() -> None:
    taken: list[int] = []

    class Allowance:
        async def take(self, tokens: int) -> None:
            taken.append(tokens)

        def settle(self, tokens: int) -> None:
            pass

    async def run() -> None:
        from callgauge.judge import Gate

        held = Held()
        async with FakeServer() as server:
            opened = judge_at(server.url)
            judge = HttpJudge(opened.adapter, opened.settings, gate=Gate(allowance=Allowance()))
            await judge.ask(question())
            await judge.ask(heard_question(held))
            await judge.close()

    asyncio.run(run())
    assert taken[1] - taken[0] == pytest.approx(120, abs=3)  # 12 s of 10 tokens


def test_what_makes_a_sound_the_same() -> None:
    def identity(**changes: Any) -> Any:
        return Message("user", "Listen.", sound=replace(SOUND, **changes)).digest

    others = [
        identity(recording="b"),
        identity(channel=1),
        identity(start_secs=1.0),
        identity(end_secs=11.0),
        identity(codec="mp3/2"),
        identity(side=Side.AGENT),
        Message("user", "Listen.").digest,
    ]
    assert identity() == identity()
    assert identity() not in others
    assert len({json.dumps(other) for other in others}) == len(others)


# --- prices ----------------------------------------------------------------------------------------------


def test_prices_of_sound() -> None:
    assert parse_prices("0.40/1.60 sound 2.50") == Prices(0.4, 1.6, sound_usd=2.5)
    assert parse_prices("0.40/0.10/1.60 sound 2.50") == Prices(0.4, 1.6, 0.1, sound_usd=2.5)
    tokens = Tokens(input=1_000_000, cached=100_000, sound=600_000, output=0)
    assert Prices(1.0, 1.0, 0.5, sound_usd=10.0).cost(tokens) == pytest.approx(0.3 + 0.05 + 6.0)
    assert Prices(1.0, 1.0).cost(tokens) == 1.0
    for wrong in ("0.40/1.60 sound", "0.40/1.60 sound x", "0.40/1.60 sound -1"):
        with pytest.raises(ValueError, match=r"sound|price"):
            parse_prices(wrong)


def test_the_list_knows_prices_of_sound_or_says_that_it_does_not() -> None:
    text, heard = Tokens(input=1_000_000), Tokens(input=1_000_000, sound=1_000_000)
    flash = PriceList("gemini-2.5-flash", provider_id="google", sound_as_text=True)
    assert flash.cost(heard) > flash.cost(text) > 0  # type: ignore[operator]
    pro = PriceList("gemini-2.5-pro", provider_id="google", sound_as_text=True)
    assert pro.cost(heard) == pro.cost(text)
    audio = PriceList("gpt-audio", provider_id="openai")
    assert audio.cost(heard) > 10 * audio.cost(text)  # type: ignore[operator]
    preview = PriceList("gpt-4o-audio-preview", provider_id="openai")
    assert (preview.cost(text), preview.cost(heard)) == (2.5, None), "the list has text's price only"
