"""The web server inside `serve`: waitress, its own refusals said as the API says them.

Bodies far over the limit are read to their end and thrown away: a client that still sends when the connection
closes sees a broken connection instead of the answer.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from callgauge.api.middleware import may_carry_recording, too_large
from callgauge.domain.options import Options

BYTES_PER_MB = 1024 * 1024
CONNECTIONS = 1000
"""Waiting connections cost a socket each, not a thread: slow clients cannot use up the server."""
IDLE_SECS = 120
"""A connection on which nothing moves for that long is closed."""
TAKEN_IN = 2
"""Bodies up to so many times the limit reach the API, which answers 413 by itself: how long a body in chunks
is shows only when it has arrived."""
DISCARDED_BYTES = 1024 * BYTES_PER_MB
"""Whoever announces more than this is cut off."""


def web_server(loaded: Options, host: str, port: int) -> tuple[Any, int]:
    """The server, bound and not yet serving, and its port. Raises OSError and ValueError (no such host)."""
    sockets: dict[int, Any] = {}
    server = create_server(
        importlib.import_module("callgauge.config.wsgi").application,
        map=sockets,
        host=host,
        port=port,
        threads=loaded.web_threads,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,
        ident=None,
        max_request_body_size=TAKEN_IN * loaded.max_body_mb * BYTES_PER_MB,
        channel_timeout=IDLE_SECS,
    )
    listening = [one for one in sockets.values() if isinstance(one, BaseWSGIServer)]
    for one in listening:
        one.channel_class = _Channel
    return server, int(listening[0].effective_port)


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
    parser_class = _Parser
    error_task_class = _Refusal
