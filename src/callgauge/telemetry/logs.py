"""Log lines, for people or as JSON.

Neither says what an exception says: a database quotes rows in it, a parser what it could not read. Type and
place are enough to find the fault; `debug` shows the rest.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from callgauge.telemetry.context import current, view_name

EVENTS = "callgauge.events"
"""The logger for what goes well: requests, chunks. On in JSON, where machines read it; off for people."""
_events = logging.getLogger(EVENTS)

_Exception = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None


def event(name: str, **facts: str | float | None) -> None:
    """Something that went well, with figures and ids. Never anything that a user wrote."""
    _events.info(name, extra={"facts": facts})


class _Careful(logging.Formatter):
    def __init__(self, fmt: str | None = None, *, debug: bool = False) -> None:
        super().__init__(fmt)
        self._debug = debug

    def formatException(self, ei: Any) -> str:
        return super().formatException(ei) if self._debug else "\n".join(_frames(ei))

    def _message(self, record: logging.LogRecord) -> str:
        if hasattr(record, "request"):
            # Django's own lines quote the address, and links that let somebody in are addresses.
            view = view_name(getattr(record.request, "resolver_match", None))
            return f"{view} answered {getattr(record, 'status_code', 'with a fault')}"
        return record.getMessage()


class LineFormatter(_Careful):
    """`time LEVEL logger message [rerun_id=3 chunk_id=7]`."""

    def __init__(self, *, debug: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", debug=debug)

    def format(self, record: logging.LogRecord) -> str:
        copy = logging.makeLogRecord(record.__dict__)
        ids = " ".join(f"{name}={value}" for name, value in current().items())
        copy.msg, copy.args = self._message(record) + (f" [{ids}]" if ids else ""), ()
        copy.exc_text = None
        return super().format(copy)


class JsonFormatter(_Careful):
    """One object a line: time, level, logger, message, the ids of what it is about, and facts of an event."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
            **current(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _frames(info: _Exception) -> list[str]:
    """The chain of an exception: types and places, no messages."""
    lines: list[str] = []
    error = info[1] if info else None
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is not None:
            lines.append("caused by or after:")
    return lines
