"""A server that is told to stop answers what has reached it, and waits for no connection that sleeps."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callgauge.cli import web_server
from callgauge.config import wsgi
from tests.waiting import wait_until

GET = b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"


class _Slow:
    """Answers a request when it is told to, and everything at once after that."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.begun.set()
        self.may_answer.wait(30)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Slow]:
    slow = _Slow()
    monkeypatch.setattr(wsgi, "application", slow)
    monkeypatch.setattr(web_server, "LAST_REQUEST_SECS", 0.1)
    yield slow
    slow.may_answer.set()


def _answer(connection: socket.socket) -> bytes:
    """Until the server closes."""
    parts = []
    while part := connection.recv(4096):
        parts.append(part)
    return b"".join(parts)


def test_what_has_arrived_is_answered(slow: _Slow, settings: Any) -> None:
    server = web_server.web_server(replace(settings.CALLGAUGE, web_threads=1), "127.0.0.1", 0)
    running = threading.Thread(target=server.run)
    running.start()
    address = ("127.0.0.1", server.port)
    under_way, queued, half, asleep = (socket.create_connection(address, timeout=30) for _ in range(4))
    under_way.sendall(GET)
    assert slow.begun.wait(30)
    queued.sendall(GET)
    half.sendall(GET[:20])
    wait_until(lambda: len(server._channels()) == 4, what="all connections")
    server.stop()
    assert asleep.recv(1) == b""  # closed, while others are still being answered
    half.sendall(GET[20:])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=30)
    slow.may_answer.set()
    for connection in (under_way, queued, half):
        answer = _answer(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"done")
        connection.close()
    running.join(30)
    assert not running.is_alive()
    server.close()
    asleep.close()


def test_a_request_that_does_not_end_keeps_nobody_for_long(
    slow: _Slow, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_server, "FINISH_SECS", 0.2)
    monkeypatch.setattr(web_server, "END_SECS", 0.1)
    server = web_server.web_server(settings.CALLGAUGE, "127.0.0.1", 0)
    running = threading.Thread(target=server.run)
    running.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(GET)
        assert slow.begun.wait(30)
        server.stop()
        running.join(30)
        assert not running.is_alive()
    server.close()


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_signal_at_the_start_lets_what_is_being_written_end(
    handlers: None, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Broken off, it would keep the write lock, and the executor would wait for that for ever."""
    done: list[str] = []

    def offer(address: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("link")

    def say(word: str) -> Any:
        return lambda *_: done.append(word)

    serve = importlib.import_module("callgauge.cli.serve")  # the package names the command so
    server = SimpleNamespace(port=1, stop=say("told"), run=say("ended"), close=say("closed"))
    hands = SimpleNamespace(start=say("hands"), stop=say("let go"))
    monkeypatch.setattr(serve.bootstrap, "start", lambda folder: settings.CALLGAUGE)
    monkeypatch.setattr(serve.telemetry, "start", lambda *_: None)
    monkeypatch.setattr(serve, "_hands", lambda *_: hands)
    monkeypatch.setattr(serve, "_bind", lambda *_: server)
    monkeypatch.setattr(serve, "_offer_set_up", offer)
    serve.run("127.0.0.1", 0, tmp_path / "data")
    assert done == ["hands", "told", "link", "ended", "closed", "let go"]
