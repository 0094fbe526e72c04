"""The shared loop against servers that misbehave in one way each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from aiohttp import web

from callgauge.domain.judging import (
    JudgeAnswer,
    JudgeError,
    JudgeInvalidAnswer,
    JudgeRefused,
    JudgeRequest,
    JudgeUnavailable,
)
from callgauge.judge.adapter import Tokens
from callgauge.judge.gate import Gate
from callgauge.judge.prices import PriceList, Prices
from tests.chat_server import ChatServer
from tests.judge.asking import ANSWER, KEY, judge_at, question
from tests.judge.clocks import FastClock, JumpingClock, fast_clock
from tests.judge.hand_made import HandMade, HangUp, Silence, answered, refused

Replies = Sequence[web.Response | type[Exception]]


def ask(
    *replies: web.Response | type[Exception],
    request: JudgeRequest | None = None,
    clock: FastClock | None = None,
    **settings: Any,
) -> tuple[JudgeAnswer | JudgeError, HandMade]:
    """Ask one question of a server that gives these replies; an error is returned, not raised."""
    clock = clock or fast_clock()

    async def run() -> tuple[JudgeAnswer | JudgeError, HandMade]:
        async with HandMade(replies, now=clock.now) as server:
            judge = judge_at(server.url, clock=clock, **settings)
            try:
                return await judge.ask(request or question()), server
            except JudgeError as error:
                return error, server
            finally:
                await judge.close()

    return asyncio.run(run())


def test_an_answer_at_the_first_try() -> None:
    answer, server = ask(answered(prompt_tokens_details={"cached_tokens": 60}))

    assert isinstance(answer, JudgeAnswer)
    assert answer.content == ANSWER
    assert (answer.model, answer.attempts, answer.faults) == ("openai:fake", 1, ())
    assert (answer.usage.input_tokens, answer.usage.cached_tokens, answer.usage.output_tokens) == (
        100,
        60,
        10,
    )
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass_are_tried_again(status: int) -> None:
    answer, server = ask(refused(status), refused(status), answered())

    assert isinstance(answer, JudgeAnswer)
    assert (answer.attempts, answer.faults) == (3, (str(status), str(status)))
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422])
def test_other_statuses_are_refusals(status: int) -> None:
    error, server = ask(refused(status, "The model `x` does not exist"))

    assert isinstance(error, JudgeRefused)
    assert f"HTTP {status}" in str(error)
    assert "does not exist" in str(error)
    assert len(server.bodies) == error.attempts == 1


def test_a_redirect_is_not_followed_with_the_key() -> None:
    error, server = ask(refused(307, Location="/elsewhere"), answered())

    assert isinstance(error, JudgeRefused)
    assert len(server.bodies) == 1


def test_the_key_never_stands_in_an_error() -> None:
    error, _ = ask(refused(401, f"Incorrect API key provided: {KEY}. " + "x" * 500))

    assert KEY not in str(error)
    assert "Incorrect API key provided: [key]" in str(error)
    assert len(str(error)) < 300


def test_a_key_at_the_cut_of_a_long_reason_does_not_leak_in_part() -> None:
    error, _ = ask(refused(401, "x" * 190 + KEY))

    assert KEY[:8] not in str(error)


def test_an_exhausted_quota_is_not_tried_again() -> None:
    error, server = ask(refused(429, "You exceeded your current quota", code="insufficient_quota"))

    assert isinstance(error, JudgeRefused)
    assert len(server.bodies) == 1


def test_tries_over_http_end() -> None:
    error, server = ask(refused(503, "overloaded"), http_tries=3)

    assert isinstance(error, JudgeUnavailable)
    assert len(server.bodies) == error.attempts == 3
    assert error.faults == ("503", "503", "503")
    assert "3 requests; 503 x3; at last: overloaded" in str(error)


class _Outage(ChatServer):
    """Away from the first minute to the eleventh, by a clock on which sleeping takes no time, yet lets it
    pass."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = JumpingClock()
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        return refused(503, "out of order") if 60 <= self.clock.now() < 660 else answered()


@pytest.fixture
def outage() -> Iterator[_Outage]:
    server = _Outage()
    server.start()
    yield server
    server.stop()


def _ask_in_minute(outage: _Outage, *minutes: int, **settings: Any) -> JudgeAnswer:
    """The answer to the last of the questions that are asked in these minutes, at the earliest."""

    async def run() -> JudgeAnswer:
        judge = judge_at(outage.url.removesuffix("/v1"), clock=outage.clock, **settings)
        try:
            for minute in minutes:
                await outage.clock.sleep(max(0.0, minute * 60 - outage.clock.now()))
                answer = await judge.ask(question())
            return answer
        finally:
            await judge.close()

    return asyncio.run(run())


def test_ten_minutes_without_the_provider_are_waited_for(
    outage: _Outage, caplog: pytest.LogCaptureFixture
) -> None:
    answer = _ask_in_minute(outage, 0, 2, outage_secs=900)
    assert set(answer.faults) == {"503"}
    assert 660 <= outage.clock.now() < 680
    assert outage.asked < 60
    assert [record.getMessage() for record in caplog.records] == [
        "openai:fake answers nobody; questions wait for it, for at most 900 s"
    ]


def test_longer_than_the_operator_allows_is_not(outage: _Outage) -> None:
    with pytest.raises(JudgeUnavailable, match="at last: out of order") as failed:
        _ask_in_minute(outage, 0, 2, outage_secs=200)
    assert failed.value.retryable
    assert 320 <= outage.clock.now() < 400


def test_a_provider_that_never_answered_is_not_waited_for(outage: _Outage) -> None:
    """Whoever set it up wrongly wants to know."""
    with pytest.raises(JudgeUnavailable, match="503 x8"):
        _ask_in_minute(outage, 2, outage_secs=900)
    assert outage.clock.now() < 240


def test_a_provider_that_answers_others_is_not_down() -> None:
    async def run() -> None:
        clock = JumpingClock()
        gate = Gate(clock=clock)
        gate.answered()
        gate.unanswered()
        await clock.sleep(30)
        assert gate.down_secs == 30
        gate.answered()
        assert gate.down_secs is None

    asyncio.run(run())


def test_a_server_that_never_answers_ends_within_the_deadline() -> None:
    clock = fast_clock()
    error, _ = ask(Silence, clock=clock, timeout_secs=10, deadline_secs=40)

    assert isinstance(error, JudgeUnavailable)
    assert "timeout" in error.faults
    assert "40 s" in str(error)
    assert sum(clock.allowed) + sum(clock.slept) <= 40


def test_one_silence_is_followed_by_an_answer() -> None:
    answer, _ = ask(Silence, answered(), timeout_secs=20)

    assert isinstance(answer, JudgeAnswer)
    assert answer.faults == ("timeout",)


def test_a_cut_connection_is_tried_again() -> None:
    answer, _ = ask(HangUp, HangUp, answered())

    assert isinstance(answer, JudgeAnswer)
    assert answer.faults[-1] == "connection"


def test_nobody_listens() -> None:
    async def run() -> None:
        async with HandMade([answered()]) as server:
            url = server.url
        judge = judge_at(url, clock=fast_clock(), http_tries=2)
        with pytest.raises(JudgeUnavailable, match=r"connection x2; at last: \w+ \(.+\)"):
            await judge.ask(question())
        await judge.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 1}]}']
)
def test_a_reply_of_another_api_is_a_fault(body: bytes) -> None:
    answer, _ = ask(web.Response(body=body, content_type="application/json"), answered())

    assert isinstance(answer, JudgeAnswer)
    assert answer.faults == ("malformed_reply",)


def test_a_reply_without_end_is_cut_off() -> None:
    answer, _ = ask(web.Response(body=b"x" * (9 * 1024 * 1024)), answered())

    assert isinstance(answer, JudgeAnswer)
    assert answer.faults == ("connection",)


@pytest.mark.parametrize("asked_secs", [0, 1, 7, 30])
def test_no_retry_before_retry_after(asked_secs: int) -> None:
    clock = fast_clock()
    answer, server = ask(refused(429, Retry_After=str(asked_secs)), answered(), clock=clock)

    assert isinstance(answer, JudgeAnswer)
    assert server.times[1] - server.times[0] >= asked_secs


def test_no_retry_before_a_retry_after_date() -> None:
    dates = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT", "Retry_After": "Wed, 21 Oct 2026 07:28:09 GMT"}
    answer, server = ask(refused(503, **dates), answered(), clock=fast_clock())

    assert isinstance(answer, JudgeAnswer)
    assert server.times[1] - server.times[0] >= 9


def test_a_wait_past_the_deadline_is_not_begun() -> None:
    clock = fast_clock()
    error, server = ask(refused(429, Retry_After="600"), clock=clock, deadline_secs=300)

    assert isinstance(error, JudgeUnavailable)
    assert "pass the deadline" in str(error)
    assert (len(server.bodies), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("I would rather not say.", "invalid_json"),
        ("[1, 2]", "invalid_json"),
        ('{"evidence": [], "explanation": [], "applicable": true}', "wrong_shape"),
        ('{"evidence": [], "explanation": [], "applicable": "yes", "value": true}', "wrong_shape"),
    ],
)
def test_an_unusable_answer_is_asked_for_again(text: str, word: str) -> None:
    answer, server = ask(answered(text), answered(), prices=Prices(1.0, 2.0))

    assert isinstance(answer, JudgeAnswer)
    assert (answer.faults, answer.attempts) == ((word,), 2)
    assert (answer.usage.requests, answer.usage.input_tokens) == (2, 200)
    assert answer.usage.cost_usd == pytest.approx(2 * (100 * 1.0 + 10 * 2.0) / 1e6)
    assert server.bodies[0] == server.bodies[1]


def test_re_asks_end() -> None:
    error, server = ask(answered("{}"), reasks=2)

    assert isinstance(error, JudgeInvalidAnswer)
    assert "'evidence'" in str(error)
    assert len(server.bodies) == error.attempts == error.usage.requests == 3


def test_no_re_ask_where_none_is_wanted() -> None:
    error, server = ask(answered("{}"), reasks=0)

    assert isinstance(error, JudgeInvalidAnswer)
    assert len(server.bodies) == 1


def test_a_truncated_answer_gets_more_room() -> None:
    cut = answered('{"evidence": [', finish="length")
    answer, server = ask(cut, cut, cut, cut, answered(), request=question(max_output_tokens=100))

    assert isinstance(answer, JudgeAnswer)
    assert answer.faults == ("truncated",) * 4
    assert [body["max_tokens"] for body in server.bodies] == [100, 200, 400, 400, 400]


def test_the_same_unusable_text_twice_raises_the_temperature() -> None:
    answer, server = ask(answered("no"), answered("no"), answered())

    assert isinstance(answer, JudgeAnswer)
    assert [body["temperature"] for body in server.bodies] == [0.0, 0.0, 0.3]


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None, "refusal": "I cannot help with that."}, "finish_reason": "stop"},
        {"message": {"content": ""}, "finish_reason": "content_filter"},
    ],
)
def test_a_model_that_declines_is_a_refusal(choice: dict[str, Any]) -> None:
    error, server = ask(web.json_response({"choices": [choice], "usage": {"prompt_tokens": 70}}))

    assert isinstance(error, JudgeRefused)
    assert "cannot help" not in str(error)
    assert error.usage.input_tokens == 70
    assert len(server.bodies) == 1


def test_what_a_server_refuses_is_left_out_and_remembered() -> None:
    no_temperature = refused(400, "Unsupported value: 'temperature' does not support 0 with this model.")
    no_max_tokens = refused(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")

    async def run() -> None:
        async with HandMade([no_temperature, no_max_tokens, answered()]) as server:
            judge = judge_at(server.url, clock=fast_clock(), http_tries=1)
            first = await judge.ask(question())
            second = await judge.ask(question())
            await judge.close()
        assert (first.attempts, second.attempts) == (3, 1)
        assert first.faults == ("setting_refused", "setting_refused")
        assert "temperature" in server.bodies[0]
        for body in server.bodies[2:]:
            assert "temperature" not in body
            assert body["max_completion_tokens"] == 2000
            assert "max_tokens" not in body

    asyncio.run(run())


def test_a_server_that_refuses_everything_is_given_up() -> None:
    error, server = ask(refused(400, "unknown: temperature, max_tokens, max_completion_tokens"))

    assert isinstance(error, JudgeRefused)
    assert len(server.bodies) == 5


NO_SCHEMAS = (
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
    "output_config: Extra inputs are not permitted",
    "Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config'",
)


@pytest.mark.parametrize("words", NO_SCHEMAS)
def test_a_server_that_refuses_schemas_gets_the_schema_in_words_from_then_on(words: str) -> None:
    async def run() -> None:
        async with HandMade([refused(400, words), answered()]) as server:
            judge = judge_at(server.url, clock=fast_clock(), http_tries=1)
            first = await judge.ask(question())
            second = await judge.ask(question())
            await judge.close()
        assert (first.attempts, first.faults, second.attempts) == (2, ("setting_refused",), 1)
        assert [body["response_format"]["type"] for body in server.bodies] == [
            "json_schema",
            "json_object",
            "json_object",
        ]
        assert all("JSON Schema" in body["messages"][0]["content"] for body in server.bodies[1:])

    asyncio.run(run())


def test_a_strict_setting_never_gives_the_schema_up() -> None:
    error, server = ask(refused(400, NO_SCHEMAS[0]), answered(), response_format="json_schema")

    assert isinstance(error, JudgeRefused)
    assert len(server.bodies) == 1


def test_a_request_may_allow_fewer_re_asks_than_the_judge() -> None:
    error, server = ask(answered("{}"), request=question(reasks=1))

    assert isinstance(error, JudgeInvalidAnswer)
    assert len(server.bodies) == 2


def test_text_that_is_no_unicode_is_refused_before_it_is_sent() -> None:
    error, server = ask(answered(), request=question("half a pair: \ud83d"))

    assert isinstance(error, JudgeRefused)
    assert "half a pair" not in str(error)
    assert (server.bodies, error.attempts, error.__cause__) == ([], 0, None)


def test_many_questions_share_one_session() -> None:
    async def run() -> None:
        async with HandMade([answered()]) as server:
            judge = judge_at(server.url)
            answers = await asyncio.gather(*(judge.ask(question(f"Question {n}")) for n in range(20)))
            await judge.close()
            await judge.close()
        assert len(answers) == len(server.bodies) == 20

    asyncio.run(run())


def test_a_closed_judge_may_be_used_on_another_loop() -> None:
    async def run(judge: Any) -> None:
        assert (await judge.ask(question())).attempts == 1
        await judge.close()

    async def serve() -> None:
        async with HandMade([answered()]) as server:
            judge = judge_at(server.url)
            await run(judge)
            await asyncio.to_thread(asyncio.run, run(judge))

    asyncio.run(serve())


def test_cancelling_a_question_is_not_a_fault() -> None:
    async def run() -> None:
        async with HandMade([Silence]) as server:
            judge = judge_at(server.url)
            asking = asyncio.create_task(judge.ask(question()))
            await server.arrived.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await judge.close()

    asyncio.run(run())


def test_prices_are_loaded_once_and_never_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def find(self: PriceList) -> Callable[[Tokens], float | None]:
        threads.append(threading.current_thread())
        return lambda tokens: tokens.input / 1000

    monkeypatch.setattr(PriceList, "_find", find)

    async def run() -> list[JudgeAnswer]:
        async with HandMade([answered()] * 3) as server:
            judge = judge_at(server.url)
            try:
                return await asyncio.gather(*(judge.ask(question()) for _ in range(3)))
            finally:
                await judge.close()

    assert [answer.usage.cost_usd for answer in asyncio.run(run())] == [0.1, 0.1, 0.1]
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
