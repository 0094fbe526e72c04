"""A receiver of webhooks on a real socket, which answers as it is told and remembers what it got."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.waiting import PATIENCE


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    """With names in lower case."""
    body: bytes


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    until: threading.Event | None = None
    """It is not sent before this is set."""


class Receiver:
    """`answer` is asked with what was got; the default says 200."""

    def __init__(self, answer: Callable[[Got], Answer] = lambda got: Answer()) -> None:
        self.answer = answer
        self.got: list[Got] = []
        self.together = self.most_together = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                with receiver._lock:
                    receiver.got.append(got)
                    receiver.together += 1
                    receiver.most_together = max(receiver.most_together, receiver.together)
                try:
                    said = receiver.answer(got)
                    if said.until is not None:
                        said.until.wait(60 * PATIENCE)
                finally:
                    with receiver._lock:
                        receiver.together -= 1
                try:
                    self.send_response(said.status)
                    for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(said.body)
                except OSError:
                    pass  # the sender has given up or was killed

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook?token=in-the-query"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
