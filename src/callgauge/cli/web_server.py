"""The web server inside `serve`: waitress, its own refusals said as the API says them.

Bodies far over the limit are read to their end and thrown away: a client that still sends when the connection
closes sees a broken connection instead of the answer.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import resource
import time
from functools import partial
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from callgauge.api.middleware import may_carry_recording, too_large
from callgauge.domain.options import Options

BYTES_PER_MB = 1024 * 1024
CONNECTIONS = 10_000
"""Waiting connections cost a socket each, not a thread: slow clients cannot use up the server. As many as the
system lets a process open."""
OTHER_FILES = 256
"""Kept for the database, judges, scripts and recordings."""
BACKLOG = 4096
"""Connections that the system holds until they are taken; it may allow fewer."""
ACCEPTED_AT_ONCE = 512
IDLE_SECS = 120
"""A connection on which nothing moves for that long is closed."""
HEAD_SECS = 20
"""A request's head that is not whole after that time, however steadily it trickles, is given up."""
LEAST_BODY_BYTES = 32 * 1024
"""A body has to move by as much within IDLE_SECS, or to end."""
CLEAN_UP_SECS = 5
"""How often connections are looked at."""
DOWNLOAD_BUFFER_BYTES = 256 * BYTES_PER_MB
"""Of an answer that is read slowly so much waits in a temporary file before a thread has to wait with it."""
TAKEN_IN = 2
"""Bodies up to so many times the limit reach the API, which answers 413 by itself: how long a body in chunks
is shows only when it has arrived."""
DISCARDED_BYTES = 1024 * BYTES_PER_MB
"""Whoever announces more than this is cut off."""
FINISH_SECS = 5.0
"""What has arrived when the server is told to stop has so long to be answered."""
LAST_REQUEST_SECS = 0.5
"""A connection without a request stays open so long after that: one may be on its way."""
END_SECS = 1.0
"""For threads that have nothing to do any more to end."""
POLL_SECS = 0.05
MANY_CONNECTIONS = 500
"""With more, each look at them all takes milliseconds, in which no thread that answers gets on."""
YIELDED = 3
"""So many times as long as such a look took, the threads that answer have to themselves after it."""


class WebServer:
    """Bound from the start, serves from `run` until `stop`."""

    def __init__(self, server: Any, sockets: dict[int, Any]) -> None:
        self._server = server
        self._sockets = sockets
        self._listening = [one for one in sockets.values() if isinstance(one, BaseWSGIServer)]
        self._stopping = False
        for one in self._listening:
            one.channel_class = _Channel
            one.handle_accept = partial(_accept_some, one)

    @property
    def port(self) -> int:
        return int(self._listening[0].effective_port)

    def run(self) -> None:
        """Returns when it was told to stop and what had arrived by then is answered. Waitress by itself drops
        what waits for a thread or for the rest of a body."""
        while not self._stopping:
            began_secs = time.thread_time()
            wasyncore.poll2(self._server.adj.asyncore_loop_timeout, self._sockets)
            if len(self._sockets) > MANY_CONNECTIONS:
                time.sleep(YIELDED * (time.thread_time() - began_secs))
        self._finish()

    def stop(self) -> None:
        """Comes from a signal or another thread, and does not wait."""
        self._stopping = True
        self._listening[0].pull_trigger()

    def close(self) -> None:
        for one in self._listening:
            wasyncore.dispatcher.close(one)
            if not self._server.task_dispatcher.threads:
                one.trigger.close()  # a thread still at work writes to it, or to the file that got its number

    def _finish(self) -> None:
        began = time.monotonic()
        for one in self._listening:
            _accept_some(one)  # the system has let them in already
            wasyncore.dispatcher.close(one)  # and not what wakes its connections up
        while (channels := self._channels()) and time.monotonic() < began + FINISH_SECS:
            for channel in channels:
                channel.answers_last = True
                if channel.is_idle() and time.monotonic() > began + LAST_REQUEST_SECS:
                    channel.will_close = True
            wasyncore.poll2(POLL_SECS, self._sockets)
        self._server.task_dispatcher.shutdown(timeout=END_SECS)

    def _channels(self) -> list[_Channel]:
        return [one for one in self._sockets.values() if isinstance(one, _Channel)]


def web_server(loaded: Options, host: str, port: int) -> WebServer:
    """Bound and not yet serving. Raises OSError and ValueError (no such host)."""
    sockets: dict[int, Any] = {}
    server = create_server(
        importlib.import_module("callgauge.config.wsgi").application,
        map=sockets,
        host=host,
        port=port,
        threads=loaded.web_threads,
        connection_limit=most_connections(),
        backlog=BACKLOG,
        cleanup_interval=CLEAN_UP_SECS,
        outbuf_high_watermark=DOWNLOAD_BUFFER_BYTES,
        asyncore_use_poll=True,
        ident=None,
        max_request_body_size=TAKEN_IN * loaded.max_body_mb * BYTES_PER_MB,
        channel_timeout=IDLE_SECS,
    )
    return WebServer(server, sockets)


def most_connections() -> int:
    """Raises the soft limit of open files to the hard one: many systems start programs with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(64, min(CONNECTIONS, soft - OTHER_FILES))


def _accept_some(server: Any) -> None:
    """Waitress takes one connection for each look at all of them: of thousands that come at once most would
    wait so long that the system gives them up."""
    for _ in range(ACCEPTED_AT_ONCE):
        before = len(server._map)
        type(server).handle_accept(server)
        if not before < len(server._map) < server.adj.connection_limit:
            return


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What waitress refuses before the application sees it."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        detail = f"{error.reason}: {error.body}."
        if isinstance(error, RequestEntityTooLarge):
            limit_mb = self.request.adj.max_request_body_size // BYTES_PER_MB // TAKEN_IN
            detail = too_large(limit_mb, settings.CALLGAUGE.max_body_mb)
        body = json.dumps({"detail": detail}).encode()
        self.response_headers.append(("Content-Type", "application/json"))
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


class _Roomier:
    """Waitress's settings with a larger limit for the body."""

    def __init__(self, adj: Any, max_request_body_size: int) -> None:
        self._adj = adj
        self.max_request_body_size = max_request_body_size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adj, name)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    expect_continue: bool
    adj: Any
    _discard_bytes = 0

    def parse_header(self, header_plus: bytes) -> None:
        """A request that may carry a recording may be as large as one; it goes to a temporary file."""
        super().parse_header(header_plus)
        if may_carry_recording(self.path, self.command, self.headers.get("CONTENT_TYPE", "")):
            options = settings.CALLGAUGE
            most_mb = options.max_body_mb + options.recording_max_mb
            self.adj = _Roomier(self.adj, TAKEN_IN * most_mb * BYTES_PER_MB)

    def received(self, data: bytes) -> int:
        """How many bytes of `data` belong to this request."""
        if self._discard_bytes:
            taken = min(len(data), self._discard_bytes)
            self._discard_bytes -= taken
            self.completed = not self._discard_bytes
            return taken
        taken = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            if self.expect_continue:
                self.expect_continue = False  # this client waits for a word before it sends: not "continue"
            elif not self.chunked and self.content_length <= DISCARDED_BYTES:
                self._discard_bytes = self.content_length
                self.completed = False
        return int(taken)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """Waitress closes connections on which nothing moved for a while. One that trickles moves: what counts
    here is that a head comes to its end, and that a body gets on."""

    parser_class = _Parser
    error_task_class = _Refusal
    _began: float | None = None
    """When the head of the request that is coming in began."""
    _moved: float = 0.0
    _bytes: int = 0
    """Of its body, since it last counted as moved."""
    answers_last = False
    """The server stops: what is answered from now on closes the connection."""

    def is_idle(self) -> bool:
        return not self.requests and self.request is None and not self.total_outbufs_len

    def service(self) -> None:
        if self.answers_last and len(self.requests) == 1:
            self.requests[0].headers["CONNECTION"] = "close"
        super().service()

    def received(self, data: bytes) -> bool:
        taken = bool(super().received(data))
        now = time.time()
        if self.request is None:
            self._began, self._moved = None, 0.0
        elif not self.request.headers_finished:
            self._began = now if self._began is None else self._began
            # Looked at as if it had been idle for as long as a head may take less than idling may.
            self.last_activity = self._began + HEAD_SECS - IDLE_SECS
        else:
            if self._began is not None or self._moved == 0.0:
                self._began, self._moved, self._bytes = None, now, 0
            self._bytes += len(data)
            if self._bytes >= LEAST_BODY_BYTES:
                self._moved, self._bytes = now, 0
            self.last_activity = self._moved
        return taken
