"""What was asked of the client, the HTTP that it became, and how it ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from cekura import AsyncCekura, Cekura
from cekura._exceptions import NotFoundError

NOT_SERVED_HEADER = "X-Callgauge-Not-Served"
NEVER = "was never called"
NOT_SERVED = "not served, and says so"
Checker = Callable[[str, str, int, Any], str | None]
"""From method, path, status and body to what the contract has against it."""


@dataclass
class Row:
    way: str
    """`sync`, `async`, `table` or `json`."""
    name: str
    """A method of the client, or a command."""
    request: str = ""
    result: str = NEVER
    ok: bool = False


@dataclass
class Exchange:
    method: str
    path: str
    status: int
    headers: httpx.Headers
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Wire:
    """Everything that httpx sent, whoever made it do so."""

    seen: list[Exchange] = field(default_factory=list)

    @contextmanager
    def tapped(self) -> Iterator[None]:
        """Both kinds of httpx client, as long as this lasts."""
        plain, later = httpx.Client.send, httpx.AsyncClient.send

        def send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            response = plain(client, request, **options)
            self._keep(request, response)
            return response

        async def send_async(
            client: httpx.AsyncClient, request: httpx.Request, **options: Any
        ) -> httpx.Response:
            response = await later(client, request, **options)
            self._keep(request, response)
            return response

        httpx.Client.send, httpx.AsyncClient.send = send, send_async  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            httpx.Client.send, httpx.AsyncClient.send = plain, later  # type: ignore[method-assign]

    def _keep(self, request: httpx.Request, response: httpx.Response) -> None:
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = response.text
        path = request.url.path
        self.seen.append(Exchange(request.method, path, response.status_code, response.headers, body))


class Failure(Exception):
    """A call of the client did not do what it should."""


class Caller:
    """One kind of client: `call` runs a method by its name and writes a row."""

    def __init__(
        self,
        way: str,
        client: Cekura | AsyncCekura,
        wire: Wire,
        rows: dict[tuple[str, str], Row],
        check: Checker,
    ) -> None:
        self.way = way
        self._client = client
        self._wire = wire
        self._rows = rows
        self._check = check
        self._loop = asyncio.new_event_loop()

    def call(self, name: str, /, *args: Any, **named: Any) -> Any:
        """The answer. Raises Failure, with the row written."""
        return self._call(name, args, named, absent=False)

    def absent(self, name: str, /, *args: Any, **named: Any) -> None:
        """A method whose route the server says not to serve."""
        self._call(name, args, named, absent=True)

    def nothing(self, name: str, /, *args: Any, says: str, **named: Any) -> None:
        """A method whose route is served and, as the contract allows, has nothing: 404 with the reason."""
        self._call(name, args, named, absent=False, says=says)

    def until(self, name: str, done: Callable[[Any], bool], /, *args: Any, **named: Any) -> Any:
        """Ask again until the answer is as wanted; the client's own user would sleep between."""
        for _ in range(600):
            answer = self.call(name, *args, **named)
            if done(answer):
                return answer
            self._loop.run_until_complete(asyncio.sleep(0.05))
        raise self._fail(name, "never came to an end")

    def close(self) -> None:
        closed = self._client.close()
        if inspect.isawaitable(closed):
            self._loop.run_until_complete(closed)  # type: ignore[arg-type]
        self._loop.close()

    def _call(
        self, name: str, args: tuple[Any, ...], named: dict[str, Any], *, absent: bool, says: str = ""
    ) -> Any:
        group, _, method = name.partition(".")
        self._wire.seen.clear()
        try:
            answer = getattr(getattr(self._client, group), method)(*args, **named)
            if inspect.isawaitable(answer):
                answer = self._loop.run_until_complete(answer)  # type: ignore[arg-type]
        except NotFoundError as error:
            if absent and self._said_not_served(error):
                self._write(name, NOT_SERVED, ok=True)
                return None
            detail = str((error.response_body or {}).get("detail"))
            if says and says in detail and NOT_SERVED_HEADER not in self._wire.seen[-1].headers:
                self._write(name, f"404: {detail[:60]}…", ok=True)
                return None
            raise self._fail(name, f"{error}") from None
        except Exception as error:
            raise self._fail(name, f"{type(error).__name__}: {error}") from None
        if absent:
            raise self._fail(name, "is served: say so in the steps")
        last = self._wire.seen[-1]
        fault = self._check(last.method, last.path, last.status, last.body)
        self._write(name, f"{last.status}, but {fault}"[:300] if fault else str(last.status), ok=not fault)
        return answer

    def _said_not_served(self, error: NotFoundError) -> bool:
        body = error.response_body
        return (
            self._wire.seen[-1].headers.get(NOT_SERVED_HEADER) == "1"
            and isinstance(body, dict)
            and str(body.get("detail")).startswith("Callgauge does not serve ")
            and len(self._wire.seen) == 1  # the client does not try again
        )

    def _fail(self, name: str, why: str) -> Failure:
        self._write(name, " ".join(why.split())[:160], ok=False)
        return Failure(f"{self.way} {name}: {why}")

    def _write(self, name: str, result: str, *, ok: bool) -> None:
        before = self._rows.get((name, self.way))
        if before is not None and not before.ok and before.request:
            return  # the first failure stays in sight
        request = self._wire.seen[-1].line if self._wire.seen else "(nothing was sent)"
        self._rows[name, self.way] = Row(self.way, name, request, result, ok)
