"""The least that can take in a call: waitress, JSON read, one committed SQLite row, JSON written.

Run as a process with a folder for its database; prints its address. What `benchmarks.serve.ingest` measures
the product beside: the same web server, as many threads, and SQLite as sure of its writes.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from waitress.server import create_server

THREADS = 8
_local = threading.local()
_turn = threading.Lock()


def main() -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # as the product has it
    database = Path(sys.argv[1]) / "bare.sqlite3"
    with _open(database) as connection:
        connection.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, call_id TEXT UNIQUE, body TEXT)")

    def take(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        call = json.loads(environ["wsgi.input"].read())
        if not hasattr(_local, "connection"):
            _local.connection = _open(database)
        with _turn:  # threads of the product take turns as well
            _local.connection.execute(
                "INSERT INTO calls (call_id, body) VALUES (?, ?)", (call["call_id"], json.dumps(call))
            )
        body = json.dumps(call).encode()
        start("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    server: Any = create_server(take, host="127.0.0.1", port=0, threads=THREADS, asyncore_use_poll=True)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    return connection


if __name__ == "__main__":
    main()
