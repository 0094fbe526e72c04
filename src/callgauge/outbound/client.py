"""One HTTP client for addresses that users name, with limits on everything that the other side decides.

A name is resolved once per connection, by us; only addresses that may be reached are handed on, and the
socket is opened to one of them: a name that changes its mind in between changes nothing. The same holds at
every redirect, which is followed by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from callgauge.outbound.addresses import Network
from callgauge.outbound.errors import (
    AddressRefused,
    BadStatus,
    OutboundError,
    TookTooLong,
    TooLarge,
    Unreachable,
    UrlRefused,
)
from callgauge.outbound.pinning import GuardedResolver, Refusal, guarded_socket
from callgauge.outbound.urls import check_url, refusal

_PART_BYTES = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPALIVE_SECS = 15
_MAX_RETRY_AFTER_SECS = 86_400.0


class _SinkFault(Exception):
    """The disk is full or the like. Inside the client an OSError would pass for a fault of the server."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


class Sink(Protocol):
    def write(self, part: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Limits:
    max_bytes: int
    """Of the answer's body, counted as it arrives: what its headers promise is only a hint."""
    total_secs: float
    """From the first look-up to the last byte, redirects included."""
    connect_secs: float = 10.0
    silence_secs: float = 30.0
    """Between two parts of the body."""
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    size: int
    """Bytes that were written to the sink."""
    content_type: str
    """As the server says, without parameters, in lower case; often wrong."""
    host: str
    """Where it came from in the end."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    text: str
    """The beginning of the body, for people: at most the limit's bytes."""


class Outbound:
    """Reaches public addresses and the networks in `allowed`. Opened on the loop of its first request; an
    async context manager. Proxies of the environment are not used: they would look names up themselves."""

    def __init__(self, allowed: Sequence[Network] = (), *, resolver: AbstractResolver | None = None) -> None:
        """`resolver` stands in for the system's, in tests."""
        self._allowed = tuple(allowed)
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Outbound:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(
        self, url: str, sink: Sink, limits: Limits, *, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """GET, following redirects; the body goes to `sink` part by part, so that no file is ever held whole.

        `headers` go to the first host only. Raises OutboundError, and what the sink raises as OSError; the
        sink then holds a part.
        """
        try:
            async with self._deadline(limits):
                return await self._fetch(check_url(url, self._allowed), sink, limits, headers or {})
        except _SinkFault as fault:
            raise fault.error from None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits) -> Reply:
        """POST once. A redirect is an answer like any other: a receiver has to be named where it is.

        Raises OutboundError, BadStatus for every answer that is not 2xx.
        """
        target = check_url(url, self._allowed)
        async with self._deadline(limits), self._request("POST", target, headers, limits, body) as response:
            text = await _beginning(response, limits.max_bytes)
            if not 200 <= response.status < 300:
                raise _bad_status(response, text)
            return Reply(response.status, text)

    async def _fetch(self, url: URL, sink: Sink, limits: Limits, headers: Mapping[str, str]) -> Fetched:
        first = url.origin()
        for _ in range(limits.redirects + 1):
            sent = headers if url.origin() == first else {}
            async with self._request("GET", url, {"Accept-Encoding": "identity", **sent}, limits) as response:
                if response.status in _REDIRECTS and "Location" in response.headers:
                    url = self._next(url, response.headers["Location"])
                    continue
                if response.status != 200:
                    raise _bad_status(response, "")
                size = await _pour(response, sink, limits.max_bytes)
                kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Fetched(size, kind, url.host or "")
        raise UrlRefused(f"The address redirects more than {limits.redirects} times.")

    def _next(self, url: URL, location: str) -> URL:
        try:
            target = url.join(URL(location))
        except ValueError:
            raise UrlRefused("The server redirects to something that is no address.") from None
        if url.scheme == "https" and target.scheme == "http":
            raise UrlRefused("The server redirects from https to http.")
        return check_url(str(target), self._allowed)

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, headers: Mapping[str, str], limits: Limits, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_secs, sock_read=limits.silence_secs
        )
        try:
            async with self._open().request(
                method, url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                yield response
        except OutboundError:
            raise
        except TimeoutError as error:
            if not isinstance(error, aiohttp.ServerTimeoutError):
                raise  # the deadline around us has its own words
            raise TookTooLong(f"{url.host} did not answer in time.") from None
        except aiohttp.InvalidURL:
            raise UrlRefused("Not a valid URL.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(url.host or "", error) from None

    @asynccontextmanager
    async def _deadline(self, limits: Limits) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limits.total_secs):
                yield
        except TimeoutError:
            raise TookTooLong(f"It took longer than {limits.total_secs:g} s.") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                use_dns_cache=False,
                keepalive_timeout=_KEEPALIVE_SECS,
                resolver=GuardedResolver(self._allowed, self._resolver),
                socket_factory=guarded_socket(self._allowed),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": f"callgauge/{version('callgauge')}"},
            )
        return self._session


async def _pour(response: aiohttp.ClientResponse, sink: Sink, max_bytes: int) -> int:
    too_large = f"The file is larger than {max_bytes} bytes."
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UrlRefused("The server sends the file compressed, though it was asked not to.")
    if (response.content_length or 0) > max_bytes:
        raise TooLarge(too_large)
    size = 0
    async for part in response.content.iter_chunked(_PART_BYTES):
        size += len(part)
        if size > max_bytes:
            raise TooLarge(too_large)
        try:
            sink.write(part)
        except OSError as error:
            raise _SinkFault(error) from None
    return size


async def _beginning(response: aiohttp.ClientResponse, max_bytes: int) -> str:
    parts: list[bytes] = []
    left = max_bytes
    async for part in response.content.iter_chunked(_PART_BYTES):
        parts.append(part[:left])
        left -= len(part)
        if left <= 0:
            break
    return b"".join(parts).decode(errors="replace").replace("\x00", "")


def _bad_status(response: aiohttp.ClientResponse, text: str) -> BadStatus:
    said = " ".join(text.split())[:200]
    message = f"The server answered {response.status}" + (f": {said}" if said else ".")
    return BadStatus(response.status, message, _retry_after(response.headers.get("Retry-After", "")), text)


def _retry_after(text: str) -> float | None:
    """Seconds, or the date of then; None for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), _MAX_RETRY_AFTER_SECS)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return min(max((then - datetime.now(UTC)).total_seconds(), 0.0), _MAX_RETRY_AFTER_SECS)


def _unreachable(host: str, error: aiohttp.ClientError | OSError) -> OutboundError:
    if isinstance(getattr(error, "os_error", error), Refusal):
        return AddressRefused(refusal(host))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable(f"No such host: {host}.")
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return Unreachable(f"{host}: no secure connection, the certificate or TLS was refused.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(f"{host} cannot be reached: {error.os_error.strerror or 'no connection'}.")
    return Unreachable(f"The connection to {host} broke.")
