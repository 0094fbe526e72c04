"""Many questions handed to a provider at once, answered within a day at half the price.

What the providers' batch APIs have in common; a leaf file for each speaks its dialect.

BatchFault
├── BatchUnavailable    nothing has happened; try again later
├── BatchUnsure         the batch may have been made: look for it before making another
└── BatchRefused        the provider will not do this, however often it is asked
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.outcomes import Usage
from callgauge.judge.adapter import MalformedReply
from callgauge.judge.answers import UnusableAnswer, read_answer
from callgauge.judge.client import HttpJudge
from callgauge.judge.replies import HttpReply, is_final_refusal, read_limited, server_words, shown
from callgauge.judge.retry import Clock, retry_after_secs
from callgauge.judge.session import open_session

PRICE_SHARE = 0.5
"""Of the usual price, for input and output alike: OpenAI's and Anthropic's price lists."""
UPLOAD_SECS = 300.0
REQUEST_SECS = 60.0
CLOCKS_DIFFER_SECS = 3600.0
"""Between ours and the provider's, at most."""
READ_SECS = 60.0
"""Without one byte of the results."""
_MAX_LINE_BYTES = 8 * 1024 * 1024
_ITEM_BYTES = 200
"""What stands around a question's body in a batch: its key, a method and an address."""
_NOT_TAKEN = frozenset({408, 429, 503, 529})
"""The server says that it has not begun; other faults of its own may come after it has."""


class BatchFault(Exception):
    """The provider's batch API could not be used."""


class BatchUnavailable(BatchFault):
    """Nothing has happened; try again later."""

    def __init__(self, message: str, wait_secs: float | None = None) -> None:
        super().__init__(message)
        self.wait_secs = wait_secs


class BatchUnsure(BatchFault):
    """The batch may have been made although no answer came."""


class BatchRefused(BatchFault):
    """The provider refuses the batch."""


class BatchState(StrEnum):
    RUNNING = "running"
    ENDED = "ended"
    """Its results can be read, all or those that came before it expired or was cancelled."""
    CROWDED = "crowded"
    """Not begun: too much is queued under this key. It may be submitted again later."""
    FAILED = "failed"
    """Not begun, and it never will be."""


@dataclass(frozen=True, slots=True)
class Line:
    """The fate of one question of a batch."""

    key: str
    reply: Mapping[str, Any] | None
    """What the provider would have replied to the single request; None where there is none (an error,
    expired, cancelled)."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a line is worth. Without an answer, `usage` may still have been paid."""

    answer: JudgeAnswer | None
    usage: Usage


class BatchApi(Protocol):
    """One provider's batches, for one model. Every method may raise BatchFault."""

    max_items: int
    max_bytes: int

    def size(self, request: JudgeRequest) -> int | None:
        """Bytes that the question takes in a batch; None where it cannot be written at all."""

    async def submit(self, uid: str, items: Sequence[tuple[str, JudgeRequest]]) -> str:
        """Make a batch of questions by key; the provider's id for it is returned.

        A key is at most 64 letters, digits, `-` and `_`."""

    async def find(
        self, uid: str, since: float, keys: Collection[str], others: Collection[str]
    ) -> str | None:
        """The id of a batch whose making was interrupted: that of this uid, or with these `keys`, made after
        `since` (Unix seconds) and not failed. `others` are ids of batches that are known to be others.

        Raises BatchUnavailable as long as that cannot be told."""

    async def look(self, batch_id: str) -> BatchState: ...

    def lines(self, batch_id: str) -> AsyncIterator[Line]:
        """The results, in any order."""

    def read(self, line: Line, request: JudgeRequest) -> Read: ...

    async def cancel(self, batch_id: str) -> None: ...

    async def close(self) -> None: ...


class BatchHttp:
    """The HTTP that both dialects share, and reading an answer at half its price."""

    def __init__(self, judge: HttpJudge, tail: str) -> None:
        """`tail` is the part of the judge's address that its provider's batches do not share."""
        self.judge = judge
        parts = urlsplit(judge.adapter.url)
        self._origin = parts._replace(path=parts.path.removesuffix(tail), query="").geturl()
        self._clock = Clock()
        self._session: aiohttp.ClientSession | None = None

    def body(self, request: JudgeRequest) -> bytes:
        return self.judge.adapter.body(request, self.judge.quirks)

    def size(self, request: JudgeRequest) -> int | None:
        try:
            return len(self.body(request)) + _ITEM_BYTES
        except orjson.JSONEncodeError:
            return None  # half of a surrogate pair: asked singly, it is refused with the reason

    def read(self, line: Line, request: JudgeRequest) -> Read:
        if line.reply is None:
            return Read(None, Usage())
        try:
            reply = self.judge.adapter.read(line.reply)
        except MalformedReply:
            return Read(None, Usage())
        cost = self.judge.adapter.cost(reply.tokens)
        tokens = reply.tokens
        half = None if cost is None else cost * PRICE_SHARE
        usage = Usage(1, tokens.input, tokens.cached, tokens.output, half)
        try:
            content = None if reply.refusal else read_answer(reply.text, request.schema)
        except UnusableAnswer:
            content = None
        return Read(None if content is None else JudgeAnswer(content, self.judge.model, usage), usage)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        makes: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request and its JSON object. `makes`: it makes a batch, so a lost answer leaves that open."""
        secs = REQUEST_SECS if data is None else UPLOAD_SECS
        async with self._request(method, path, data, makes, secs, headers) as response:
            body = await read_limited(response)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if isinstance(document, dict):
            return document
        words = f"{self.judge.model}: the batch API's reply is no JSON object"
        raise BatchUnsure(words) if makes else BatchUnavailable(words)

    async def json_lines(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        """The objects of a JSON Lines document; what is no object is passed over."""
        await self.judge.load_prices()  # `read` tells what each has cost
        async with self._request("GET", path, None, False, None, None) as response:
            async for line in _lines(response.content.iter_any()):
                try:
                    document = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(document, dict):
                    yield document

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        data: Any,
        makes: bool,
        secs: float | None,
        headers: Mapping[str, str] | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = open_session(self.judge.adapter.url, self.judge.adapter.headers)
        timeout = aiohttp.ClientTimeout(total=secs, sock_read=READ_SECS if secs is None else None)
        lost: type[BatchFault] = BatchUnsure if makes else BatchUnavailable
        try:
            async with self._session.request(
                method,
                self._origin + path,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    reply = HttpReply(response.status, response.headers, await read_limited(response))
                    raise self._fault(reply, lost)
                yield response
        except aiohttp.ClientConnectorError as error:
            raise BatchUnavailable(f"{self.judge.model}: no connection ({type(error).__name__})") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise lost(f"{self.judge.model}: the batch API broke off ({type(error).__name__})") from None

    def _fault(self, reply: HttpReply, lost: type[BatchFault]) -> BatchFault:
        words = shown(server_words(reply.body), self.judge.settings.api_key) or "no reason given"
        message = f"{self.judge.model}: the batch API says HTTP {reply.status}: {words}"
        if reply.status in _NOT_TAKEN and not is_final_refusal(reply):
            return BatchUnavailable(message, retry_after_secs(reply.headers, self._clock.wall()))
        return lost(message) if reply.status >= 500 else BatchRefused(message)


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        if len(rest) > _MAX_LINE_BYTES:
            raise aiohttp.ClientPayloadError("a line of the results is larger than 8 MB")
        for line in whole:
            yield line
    if rest:
        yield rest
