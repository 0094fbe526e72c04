"""Clients that trickle: given up after a while, while those that get on are not, and others are served."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from callgauge.cli import web_server
from callgauge.cli.web_server import HEAD_SECS, IDLE_SECS, LEAST_BODY_BYTES, _accept_some, _Channel

POST = b"POST /observability/v1/observe/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(web_server, "time", clock)
    return clock


@pytest.fixture
def channel(clock: _Clock, settings: Any) -> Any:
    ours, theirs = socket.socketpair()
    server = SimpleNamespace(active_channels={}, add_task=lambda task: None)
    made = _Channel(server, ours, ("127.0.0.1", 1), Adjustments(), map={})
    made.last_activity = clock.now
    yield made
    ours.close()
    theirs.close()


def _idle_secs(channel: Any, clock: _Clock) -> float:
    """As waitress reckons it: beyond IDLE_SECS the connection is closed."""
    return float(clock.now - channel.last_activity)


def test_a_head_that_trickles_is_given_up(channel: Any, clock: _Clock) -> None:
    for byte in range(HEAD_SECS + 1):
        channel.received(POST[byte : byte + 1])
        clock.now += 1
    assert _idle_secs(channel, clock) > IDLE_SECS


def test_a_head_that_is_quick_is_not(channel: Any, clock: _Clock) -> None:
    for byte in range(0, 40, 10):
        channel.received(POST[byte : byte + 10])
        clock.now += 1
    assert _idle_secs(channel, clock) < IDLE_SECS
    channel.received(POST[40:])
    assert _idle_secs(channel, clock) == 0


def test_a_body_that_trickles_is_given_up(channel: Any, clock: _Clock) -> None:
    channel.received(POST)
    for _ in range(IDLE_SECS + 1):
        clock.now += 1
        channel.received(b"x")
    assert _idle_secs(channel, clock) > IDLE_SECS


def test_a_slow_upload_that_gets_on_is_not(channel: Any, clock: _Clock) -> None:
    channel.received(POST)
    for _ in range(10):
        for _ in range(IDLE_SECS - 10):
            clock.now += 1
            channel.received(b"x" * (LEAST_BODY_BYTES // (IDLE_SECS - 10) + 1))
        assert _idle_secs(channel, clock) < IDLE_SECS


def test_the_next_request_of_a_connection_begins_anew(channel: Any, clock: _Clock) -> None:
    channel.received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    clock.now += 10 * IDLE_SECS
    channel.received(POST)
    assert _idle_secs(channel, clock) == 0
    clock.now += IDLE_SECS - 1
    assert _idle_secs(channel, clock) < IDLE_SECS


def test_many_that_come_at_once_are_taken_at_once() -> None:
    taken: list[int] = []

    class Listening:
        def __init__(self) -> None:
            self._map: dict[int, int] = {}
            self.adj = SimpleNamespace(connection_limit=100)
            self.waiting = 30

        def handle_accept(self) -> None:
            if self.waiting:
                self.waiting -= 1
                self._map[len(self._map)] = 1
                taken.append(1)

    server = Listening()
    _accept_some(server)
    assert len(taken) == 30
    server.waiting = 200
    _accept_some(server)
    assert len(server._map) == 100  # and no more than the limit


def test_there_is_room_for_thousands() -> None:
    assert web_server.most_connections() >= 64
    assert web_server.most_connections() <= web_server.CONNECTIONS


@pytest.mark.parametrize(("connections", "left"), [(10, []), (web_server.MANY_CONNECTIONS + 1, [0.06])])
def test_a_look_at_many_connections_leaves_time_to_the_threads_that_answer(
    monkeypatch: pytest.MonkeyPatch, connections: int, left: list[float]
) -> None:
    spent, slept = iter((1.0, 1.02)), list[float]()
    clock = SimpleNamespace(thread_time=lambda: next(spent), sleep=slept.append)
    monkeypatch.setattr(web_server, "time", clock)
    waitress = SimpleNamespace(adj=SimpleNamespace(asyncore_loop_timeout=1))
    server = web_server.WebServer(waitress, dict.fromkeys(range(connections)))
    monkeypatch.setattr(server, "_finish", lambda: None)

    def look(secs: float, sockets: dict[int, Any]) -> None:
        server._stopping = True

    monkeypatch.setattr(web_server.wasyncore, "poll2", look)
    server.run()
    assert slept == pytest.approx(left)
