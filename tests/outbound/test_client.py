"""The guarded client against a server on this machine that plays every trick."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from callgauge.outbound import (
    AddressRefused,
    BadStatus,
    Limits,
    Outbound,
    OutboundError,
    TookTooLong,
    TooLarge,
    Unreachable,
    UrlRefused,
)

HERE = (ip_network("127.0.0.1/32"),)
LIMITS = Limits(max_bytes=1000, total_secs=20)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """Answers in turn; the last answer stays. Counts how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answer
        ]

    async def close(self) -> None: ...


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """The port of a server on 127.0.0.1 that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


async def _get(
    handler: Handler, *, url: str = "http://127.0.0.1:{port}/a", names: Names | None = None, **change: Any
) -> tuple[Any, bytes]:
    allowed = change.pop("allowed", HERE)
    headers = change.pop("headers", None)
    limits = Limits(**{"max_bytes": 1000, "total_secs": 20, **change})
    sink = io.BytesIO()
    async with serving(handler) as port, Outbound(allowed, resolver=names) as outbound:
        fetched = await outbound.fetch(url.format(port=port), sink, limits, headers=headers)
    return fetched, sink.getvalue()


def get(handler: Handler, **options: Any) -> tuple[Any, bytes]:
    result: tuple[Any, bytes] = run(_get(handler, **options))
    return result


async def _hello(request: web.Request) -> web.Response:
    return web.Response(body=b"hello", content_type="audio/wav")


async def _must_not_be_reached(request: web.Request) -> web.Response:
    raise AssertionError("the guarded address was reached")


def test_a_file_is_fetched() -> None:
    fetched, body = get(_hello)

    assert body == b"hello"
    assert (fetched.size, fetched.content_type, fetched.host) == (5, "audio/wav", "127.0.0.1")


def test_this_machine_is_closed_unless_it_is_allowed() -> None:
    with pytest.raises(AddressRefused):
        get(_must_not_be_reached, allowed=())
    with pytest.raises(AddressRefused):
        get(_must_not_be_reached, url="http://localhost:{port}/", allowed=())
    for trick in ("127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]"):
        with pytest.raises(OutboundError):
            get(_must_not_be_reached, url=f"http://{trick}:{{port}}/", allowed=())


def test_a_name_that_leads_inside_is_closed() -> None:
    with pytest.raises(AddressRefused, match=r"inside\.example is not a public address"):
        get(_must_not_be_reached, url="http://inside.example:{port}/", names=Names(["127.0.0.1"]), allowed=())
    with pytest.raises(AddressRefused):
        get(
            _must_not_be_reached,
            url="http://inside.example:{port}/",
            names=Names(["10.0.0.1", "::1"]),
            allowed=(),
        )


def test_what_was_checked_is_what_is_connected_to() -> None:
    """The name server is asked once: a second answer could be another one."""
    names = Names(["127.0.0.1"], ["10.9.9.9"])

    _, body = get(_hello, url="http://changing.example:{port}/", names=names)

    assert body == b"hello"
    assert names.asked == 1


def test_the_socket_refuses_what_a_resolver_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last net: even with the check of names gone, no connection is opened."""
    monkeypatch.setattr("callgauge.outbound.client.GuardedResolver", lambda allowed, inner: inner)

    with pytest.raises(AddressRefused):
        get(_must_not_be_reached, url="http://inside.example:{port}/", names=Names(["127.0.0.1"]), allowed=())


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://inside.example/",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
        "http://[bad",
    ],
)
def test_a_redirect_is_looked_at_like_the_first_address(target: str) -> None:
    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": target})

    with pytest.raises((AddressRefused, UrlRefused)):
        get(redirect, names=Names(["10.0.0.1"]))


def test_redirects_are_followed_a_few_times() -> None:
    async def hops(request: web.Request) -> web.Response:
        number = int(request.path.strip("/a") or 0)
        return (
            web.Response(status=307, headers={"Location": f"/{number + 1}"})
            if number < 3
            else await _hello(request)
        )

    async def forever(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.path + "x"})

    assert get(hops)[1] == b"hello"
    with pytest.raises(UrlRefused, match="more than 5 times"):
        get(forever)


def test_headers_for_the_first_host_are_not_shown_to_another() -> None:
    seen = []

    async def hop(request: web.Request) -> web.Response:
        seen.append((request.host.split(":")[0], request.headers.get("Authorization")))
        if len(seen) < 3:
            host = "first.example" if len(seen) == 1 else "second.example"
            return web.Response(status=302, headers={"Location": f"http://{host}:{request.url.port}/"})
        return await _hello(request)

    get(hop, url="http://first.example:{port}/", names=Names(["127.0.0.1"]), headers={"Authorization": "s"})

    assert seen == [("first.example", "s"), ("first.example", "s"), ("second.example", None)]


def test_no_more_is_read_than_allowed() -> None:
    async def honest(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1001)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 10_000)
        except (ConnectionError, asyncio.CancelledError):
            return response

    for handler in (honest, endless):
        with pytest.raises(TooLarge):
            get(handler)


def test_a_bomb_is_not_unpacked() -> None:
    async def packed(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    with pytest.raises(UrlRefused, match="compressed"):
        get(packed)


def test_a_server_that_dawdles_is_left() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TookTooLong) as total:
        get(silent, total_secs=0.05)
    with pytest.raises(TookTooLong) as silence:
        get(silent, silence_secs=0.05)
    assert total.value.retryable
    assert silence.value.retryable


@pytest.mark.parametrize(
    ("status", "again"), [(404, False), (403, False), (429, True), (500, True), (503, True)]
)
def test_a_status_says_whether_to_try_again(status: int, again: bool) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "7"})

    with pytest.raises(BadStatus) as caught:
        get(refuse)

    assert (caught.value.status, caught.value.retryable) == (status, again)
    assert caught.value.retry_after_secs == 7


def test_what_cannot_be_reached_says_so_without_the_path() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def attempt() -> None:
        async with Outbound(HERE) as outbound:
            await outbound.fetch(f"http://127.0.0.1:{port}/secret?token=t", io.BytesIO(), LIMITS)

    with pytest.raises(Unreachable) as caught:
        run(attempt())
    assert "127.0.0.1 cannot be reached" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_full_disk_is_not_the_servers_fault() -> None:
    class Full:
        def write(self, part: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def attempt() -> None:
        async with serving(_hello) as port, Outbound(HERE) as outbound:
            await outbound.fetch(f"http://127.0.0.1:{port}/", Full(), LIMITS)

    with pytest.raises(OSError, match="No space left"):
        run(attempt())


def test_a_post_is_sent_once_and_not_redirected() -> None:
    seen = []

    async def receive(request: web.Request) -> web.Response:
        seen.append((request.path, await request.read(), request.headers["X-Mark"]))
        if request.path == "/moved":
            return web.Response(status=308, headers={"Location": "/ok"})
        return web.Response(text="thanks" * 1000)

    async def attempt() -> tuple[str, int]:
        async with serving(receive) as port, Outbound(HERE) as outbound:
            reply = await outbound.post(f"http://127.0.0.1:{port}/ok", b"{}", {"X-Mark": "m"}, LIMITS)
            with pytest.raises(BadStatus) as moved:
                await outbound.post(f"http://127.0.0.1:{port}/moved", b"{}", {"X-Mark": "m"}, LIMITS)
            return reply.text, moved.value.status

    text, status = run(attempt())
    assert len(text) == LIMITS.max_bytes
    assert status == 308
    assert seen == [("/ok", b"{}", "m"), ("/moved", b"{}", "m")]
