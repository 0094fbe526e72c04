"""The loop that all providers share: tries, waits, deadline, and asking again for a usable answer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import aiohttp
import orjson

from callgauge.domain.judging import (
    JudgeAnswer,
    JudgeError,
    JudgeInvalidAnswer,
    JudgeRefused,
    JudgeRequest,
    JudgeUnavailable,
)
from callgauge.domain.outcomes import Usage
from callgauge.judge.adapter import Adapter, MalformedReply, Quirks, Reply, Tokens, concede
from callgauge.judge.answers import UnusableAnswer, read_answer
from callgauge.judge.gate import Gate
from callgauge.judge.replies import HttpReply, is_final_refusal, read_limited, server_words, shown
from callgauge.judge.retry import Clock, retry_after_secs, wait_secs
from callgauge.judge.session import open_session
from callgauge.judge.settings import JudgeSettings

log = logging.getLogger(__name__)

_REASK_TEMPERATURE = 0.3
"""For a model that gave the very same unusable text twice: at 0 it would go on for ever."""
_MAX_GROWTH = 4
"""A truncated answer gets twice the tokens, up to this many times the request's own limit."""
_CONCEDED = "setting_refused"
_MAX_CONCESSIONS = 4
"""Per question: there are three settings to give way on, and one may change twice."""
_PROBE_SECS = 15.0
"""Between two tries of a question that waits for its provider to be there again."""
_CHARS_PER_TOKEN = 4
_USUAL_OUTPUT_TOKENS = 300
"""Taken from a rate of tokens before the answer shows what it used: a few quotes and sentences."""


@dataclass(slots=True)
class _Tally:
    """What one question has cost so far, answered or not."""

    ends_at: float
    usage: Usage = field(default_factory=Usage)
    attempts: int = 0
    faults: list[str] = field(default_factory=list)

    def describe(self) -> str:
        counted = ", ".join(f"{word} x{count}" for word, count in Counter(self.faults).items())
        requests = f"{self.attempts} request{'' if self.attempts == 1 else 's'}"
        return f"{requests}; {counted}" if counted else requests


@dataclass(frozen=True, slots=True)
class _Fault:
    """One try that failed and may be repeated."""

    word: str
    at_least_secs: float | None = None
    """What the server asked to wait."""
    detail: str = ""
    """For people: the server's words, or what kept the connection from working."""

    @property
    def says_nothing(self) -> bool:
        """Whether no provider spoke: none was reached, or a proxy or its own front said that it is away."""
        return self.word in {"connection", "timeout", "malformed_reply"} or self.word.startswith("5")


class HttpJudge:
    """A judge behind an HTTP API. One session, opened on the loop of the first question."""

    scripted = False

    def __init__(
        self,
        adapter: Adapter,
        settings: JudgeSettings,
        *,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`gate` is what this judge shares with others of the same provider; its clock must be `clock`."""
        self.adapter = adapter
        self._gate = gate or Gate(clock=clock)
        self._settings = settings
        self._clock = clock or Clock()
        self._quirks = adapter.quirks
        self._session: aiohttp.ClientSession | None = None
        self._pricing: asyncio.Task[float | None] | None = None

    @property
    def model(self) -> str:
        return f"{self.adapter.provider}:{self._settings.model}"

    @property
    def cache_min_tokens(self) -> int | None:
        return self.adapter.cache_min_tokens

    @property
    def settings(self) -> JudgeSettings:
        return self._settings

    @property
    def quirks(self) -> Quirks:
        """What the server has turned out to want so far."""
        return self._quirks

    async def load_prices(self) -> None:
        """Ready to tell a cost. The list of prices takes a good part of a second to load, so that is done
        beside the event loop, once."""
        pricing = self._begin_pricing()
        if not pricing.done():
            await asyncio.wait({pricing})  # a question that is broken off leaves it to the others

    def _begin_pricing(self) -> asyncio.Task[float | None]:
        if self._pricing is None:
            self._pricing = asyncio.create_task(asyncio.to_thread(self.adapter.cost, Tokens()))
        return self._pricing

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        tally = _Tally(ends_at=self._clock.now() + self._settings.deadline_secs)
        try:
            return await self._ask(request, tally)
        except JudgeError as error:
            error.usage, error.attempts, error.faults = tally.usage, tally.attempts, tuple(tally.faults)
            raise

    async def _ask(self, request: JudgeRequest, tally: _Tally) -> JudgeAnswer:
        asked, last_text = request, None
        reasks = self._settings.reasks if request.reasks is None else request.reasks
        for _ in range(1 + reasks):
            reply = await self._send(asked, tally)
            if reply.refusal:
                raise JudgeRefused(f"{self.model} gave no answer: {reply.refusal}")
            try:
                content = read_answer(reply.text, request.schema)
            except UnusableAnswer as fault:
                problem = "the answer was cut off" if reply.truncated else str(fault)
                tally.faults.append("truncated" if reply.truncated else fault.word)
            else:
                return JudgeAnswer(content, self.model, tally.usage, tally.attempts, tuple(tally.faults))
            asked = _again(asked, request, reply, same_text=reply.text == last_text)
            last_text = reply.text
        raise JudgeInvalidAnswer(f"{self.model} gave no usable answer: {problem} ({tally.describe()})")

    async def _send(self, request: JudgeRequest, tally: _Tally) -> Reply:
        """One reply, over as many HTTP tries as the settings allow."""
        failures = 0
        while True:
            taken = await self._enter(request, tally)
            fault = await self._try_with_sound(request, tally)
            self._settle(taken, fault)
            if isinstance(fault, Reply):
                return fault
            tally.faults.append(fault.word)
            if fault.word == _CONCEDED:
                continue
            failures += 1
            if fault.at_least_secs is not None:
                self._gate.pause(fault.at_least_secs)
            wait = wait_secs(self._clock, failures, fault.at_least_secs)
            is_last = failures >= self._settings.http_tries
            if not is_last and self._clock.now() + wait < tally.ends_at:
                await self._clock.sleep(wait)
            elif not await self._wait_out(tally):
                raise self._given_up(tally, fault) if is_last else self._too_late(tally, wait)

    async def _wait_out(self, tally: _Tally) -> bool:
        """Whether this is an outage, and there was still time to wait for its end: the question then has its
        whole deadline anew. Each further failure leads here again."""
        down_secs = self._gate.down_secs
        if down_secs is None or down_secs >= self._settings.outage_secs:
            return False
        if not self._gate.outage_told:
            self._gate.outage_told = True
            longest = self._settings.outage_secs
            log.warning("%s answers nobody; questions wait for it, for at most %.0f s", self.model, longest)
        await self._clock.sleep(_PROBE_SECS * self._clock.random.uniform(0.75, 1.0))
        tally.ends_at = max(tally.ends_at, self._clock.now() + self._settings.deadline_secs)
        return True

    async def _enter(self, request: JudgeRequest, tally: _Tally) -> int:
        """Wait for the provider's pause and the operator's rate; the tokens that were taken from the rate.

        Our own rate is no reason to give a question up, so waiting for it moves the deadline."""
        taken = 0
        if self._gate.allowance is not None:
            taken = _estimate(request, self.adapter.sound_tokens_per_sec)
            began = self._clock.now()
            await self._gate.allowance.take(taken)
            tally.ends_at += self._clock.now() - began
        closed_secs = self._gate.closed_secs
        if closed_secs and self._clock.now() + closed_secs >= tally.ends_at:
            raise self._too_late(tally, closed_secs)
        await self._gate.pass_pause()
        return taken

    def _settle(self, taken: int, outcome: Reply | _Fault) -> None:
        if isinstance(outcome, Reply):
            self._gate.answered()
        elif outcome.says_nothing:
            self._gate.unanswered()
        if self._gate.allowance is not None:
            used = outcome.tokens.input + outcome.tokens.output if isinstance(outcome, Reply) else 0
            self._gate.allowance.settle(used - taken)

    async def _try_with_sound(self, request: JudgeRequest, tally: _Tally) -> Reply | _Fault:
        """The sound is held for this try alone: a question may wait for minutes between two tries. Having it
        cut, or waiting for room, is no fault of the provider and moves the deadline."""
        if request.sound is None:
            return await self._try(request, tally)
        if self.adapter.sound_tokens_per_sec is None or request.open_sound is None:
            raise JudgeRefused(f"{self.model} takes no sound")
        began = self._clock.now()
        async with request.open_sound(request.sound) as sound:
            tally.ends_at += self._clock.now() - began
            return await self._try(request, tally, sound)

    async def _try(self, request: JudgeRequest, tally: _Tally, sound: bytes = b"") -> Reply | _Fault:
        left_secs = tally.ends_at - self._clock.now()
        if left_secs <= 0:
            raise self._too_late(tally, 0)
        sent = self._quirks
        try:
            body = self.adapter.body(request, sent, sound)
        except orjson.JSONEncodeError:
            # Half of a surrogate pair; the error itself would show the text.
            raise JudgeRefused(f"{self.model}: the question holds text that is no valid Unicode") from None
        tally.attempts += 1
        try:
            async with self._clock.timeout(min(self._settings.timeout_secs, left_secs)):
                reply = await self._post(body)
        except TimeoutError:
            return _Fault("timeout")
        except aiohttp.InvalidURL:
            raise JudgeRefused(f"{self.model}: the address cannot be used") from None
        except (aiohttp.ClientError, OSError) as error:
            return _Fault("connection", detail=_connection_fault(error))
        if reply.status == 200:
            await self.load_prices()
            return self._read(reply, tally)
        return self._refused_or_fault(reply, sent, tally)

    async def _post(self, body: bytes) -> HttpReply:
        if self._session is None:
            self._session = open_session(self.adapter.url, self.adapter.headers)
            self._begin_pricing()  # while the first answer is on its way
        async with self._session.post(self.adapter.url, data=body, allow_redirects=False) as response:
            return HttpReply(response.status, response.headers, await read_limited(response))

    def _read(self, http: HttpReply, tally: _Tally) -> Reply | _Fault:
        try:
            document = orjson.loads(http.body)
            if not isinstance(document, Mapping):
                raise MalformedReply("the reply is no JSON object")
            reply = self.adapter.read(document)
        except (orjson.JSONDecodeError, MalformedReply):
            return _Fault("malformed_reply")
        tally.usage += self._usage(reply.tokens)
        return reply

    def _usage(self, tokens: Tokens) -> Usage:
        cost = self.adapter.cost(tokens)
        return Usage(1, tokens.input, tokens.cached, tokens.output, cost)

    def _refused_or_fault(self, http: HttpReply, sent: Quirks, tally: _Tally) -> _Fault:
        """Raises JudgeRefused where trying again would only repeat the refusal."""
        if http.status < 500:
            self._gate.answered()
        if http.status in {408, 429} or http.status >= 500:
            if is_final_refusal(http):
                raise self._refusal(http)
            words = shown(server_words(http.body), self._settings.api_key)
            return _Fault(str(http.status), retry_after_secs(http.headers, self._clock.wall()), words)
        may_concede = http.status in {400, 422} and tally.faults.count(_CONCEDED) < _MAX_CONCESSIONS
        auto = self._settings.response_format == "auto"
        learned = concede(sent, server_words(http.body), may_drop_schema=auto) if may_concede else None
        if learned is None:
            raise self._refusal(http)
        if learned != self._quirks:
            log.info("%s refuses a setting of the request; from now on it gets %s", self.model, learned)
            self._quirks = learned
        return _Fault(_CONCEDED)

    def _refusal(self, http: HttpReply) -> JudgeRefused:
        words = shown(server_words(http.body), self._settings.api_key)
        return JudgeRefused(
            f"{self.model} refused the request (HTTP {http.status}): {words or 'no reason given'}"
        )

    def _given_up(self, tally: _Tally, fault: _Fault) -> JudgeUnavailable:
        last = f"; at last: {fault.detail}" if fault.detail else ""
        return JudgeUnavailable(f"{self.model} could not be used: {tally.describe()}{last}")

    def _too_late(self, tally: _Tally, wait_secs: float) -> JudgeUnavailable:
        secs = f"{self._settings.deadline_secs:g} s"
        why = f"a wait of {wait_secs:.0f} s would pass the deadline of" if wait_secs else "no answer within"
        return JudgeUnavailable(f"{self.model} could not be used: {why} {secs} ({tally.describe()})")


def _estimate(request: JudgeRequest, sound_tokens_per_sec: float | None) -> int:
    chars = sum(len(message.text) for message in request.messages)
    secs = request.sound.secs if request.sound is not None else 0.0
    heard = round(secs * (sound_tokens_per_sec or 0.0))
    return chars // _CHARS_PER_TOKEN + heard + _USUAL_OUTPUT_TOKENS


def _connection_fault(error: aiohttp.ClientError | OSError) -> str:
    """The kind of fault and the system's word for it; the error's own text could hold a body."""
    system = getattr(error, "os_error", error)
    reason = getattr(system, "strerror", None)
    return f"{type(error).__name__} ({reason})" if reason else type(error).__name__


def _again(asked: JudgeRequest, first: JudgeRequest, reply: Reply, *, same_text: bool) -> JudgeRequest:
    """The same prompt, byte by byte; only what would make the same fault certain is changed."""
    if reply.truncated:
        grown = min(asked.max_output_tokens * 2, first.max_output_tokens * _MAX_GROWTH)
        asked = replace(asked, max_output_tokens=grown)
    if same_text and asked.temperature == 0:
        asked = replace(asked, temperature=_REASK_TEMPERATURE)
    return asked
