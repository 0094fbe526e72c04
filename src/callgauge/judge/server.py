"""A local fake of a model provider, for tests, benchmarks and trying things out: no model is behind it.

It speaks OpenAI's, Anthropic's and Gemini's APIs, so the real adapters run against it, and its answers fit
the schema that is asked for. They mean nothing: every reply names its model `fake`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

import orjson
from aiohttp import web

from callgauge.judge.fake_answers import cut_off, fake_answer, wrong_shape
from callgauge.judge.fake_batches import FakeBatches
from callgauge.judge.fake_cache import PrefixCache
from callgauge.judge.fake_dialects import ANTHROPIC, GEMINI, OPENAI, Asked, Dialect
from callgauge.judge.fake_faults import FaultKind, Faults

_MAX_BODY_BYTES = 64 * 1024 * 1024
_MODEL = "fake"


@dataclass(slots=True)
class Stats:
    """What the server has seen; `/stats` shows it as JSON."""

    requests: int = 0
    answered: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    early_retries: int = 0
    """Requests that came before the time that a Retry-After for the same body had named."""
    faults: Counter[str] = field(default_factory=Counter)
    by_body: Counter[str] = field(default_factory=Counter)
    """Requests per hash of the body."""

    def document(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in self.__slots__ if name not in {"faults", "by_body"}}
        repeated = max(self.by_body.values(), default=0)
        return {
            **counts,
            "faults": dict(self.faults),
            "distinct": len(self.by_body),
            "most_repeated": repeated,
        }


class FakeServer:
    """The server as an async context manager; `url` is known inside it."""

    def __init__(
        self,
        *,
        latency_ms: float = 0.0,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`now` and `sleep` count in seconds; tests put faster ones in."""
        self.stats = Stats()
        self._latency_secs = latency_ms / 1000
        self._faults = faults or Faults()
        self._host, self._port = host, port
        self._now, self._sleep = now, sleep
        self.batches = FakeBatches(self._reply_in_batch)
        self._cache = PrefixCache()
        self._not_before: dict[str, float] = {}
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Without a path: `http://127.0.0.1:PORT`."""
        assert self._runner is not None, "the server runs inside its context only"
        return f"http://{self._host}:{self._runner.addresses[0][1]}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._handler(OPENAI)),
                web.post("/v1/messages", self._handler(ANTHROPIC)),
                web.post("/v1beta/models/{model}", self._handler(GEMINI)),
                *self.batches.routes(),
                web.get("/v1/models", self._models),
                web.get("/stats", self._stats),
                web.delete("/stats", self._reset),
            ]
        )
        # A stalled request ends when its client gives up, and is cut off when the server stops.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _handler(self, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            self.stats.requests += 1
            self.stats.in_flight += 1
            self.stats.in_flight_max = max(self.stats.in_flight_max, self.stats.in_flight)
            try:
                return await self._answer(await request.read(), dialect)
            finally:
                self.stats.in_flight -= 1

        return handle

    async def _answer(self, body: bytes, dialect: Dialect) -> web.Response:
        body_hash = blake2b(body, digest_size=8).hexdigest()
        fault = self._fault(body_hash)
        came = self._cache.answered
        if self._latency_secs:
            await self._sleep(self._latency_secs)
        try:
            document = orjson.loads(body)
            asked = dialect.read(document)
        except (ValueError, TypeError, AttributeError):
            return _json(dialect.refuse(400, "the fake server cannot read this body"), 400)
        match fault:
            case "429":
                return self._refuse_429(body_hash, dialect)
            case "500":
                return _json(dialect.refuse(500, "a fault of the fake server"), 500)
            case "stall":
                await self._sleep(self._faults.stall_secs)
                return _json(dialect.refuse(504, "the fake server stalled"), 504)
            case "truncated" | "wrong_shape" | None:
                return _json(self._write(asked, dialect, fault, came), 200)

    def _reply_in_batch(self, document: Mapping[str, Any], dialect: Dialect, odd: bool) -> Mapping[str, Any]:
        fault: FaultKind | None = "wrong_shape" if odd else None
        return self._write(dialect.read(document), dialect, fault, self._cache.answered)

    def _fault(self, body_hash: str) -> FaultKind | None:
        nth = self.stats.by_body[body_hash]
        self.stats.by_body[body_hash] += 1
        if self._now() < self._not_before.pop(body_hash, 0.0):
            self.stats.early_retries += 1
        fault = self._faults.draw(body_hash, nth)
        if fault is not None:
            self.stats.faults[fault] += 1
        return fault

    def _refuse_429(self, body_hash: str, dialect: Dialect) -> web.Response:
        self._not_before[body_hash] = self._now() + self._faults.retry_after_secs
        response = _json(dialect.refuse(429, "the fake server asks for patience"), 429)
        response.headers["Retry-After"] = str(self._faults.retry_after_secs)
        return response

    def _write(self, asked: Asked, dialect: Dialect, fault: FaultKind | None, came: int) -> Mapping[str, Any]:
        digest = int.from_bytes(blake2b("\0".join(asked.texts).encode(), digest_size=8).digest())
        answer: Mapping[str, Any] = fake_answer(asked.schema, asked.texts, digest)
        if fault == "wrong_shape":
            answer = wrong_shape(answer)
        text = cut_off(answer) if fault == "truncated" else orjson.dumps(answer).decode()
        counted = self._cache.count(
            asked.parts, only_marked=dialect.marks_prefixes, output_chars=len(text), came=came
        )
        self.stats.answered += 1
        self.stats.prompt_tokens += counted.prompt
        self.stats.cached_tokens += counted.cached
        self.stats.output_tokens += counted.output
        return dialect.write(text, fault == "truncated", counted, _MODEL)

    async def _models(self, _: web.Request) -> web.Response:
        return _json({"object": "list", "data": [{"id": _MODEL, "object": "model", "owned_by": _MODEL}]}, 200)

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(self.stats.document(), 200)

    async def _reset(self, _: web.Request) -> web.Response:
        self.stats = Stats(in_flight=self.stats.in_flight)
        return _json({}, 200)


def _json(document: Mapping[str, Any], status: int) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")


async def run(server: FakeServer, announce: Callable[[str], None]) -> None:
    """Serve until cancelled; the address is announced once the port is open."""
    async with server:
        announce(server.url)
        await asyncio.Event().wait()
