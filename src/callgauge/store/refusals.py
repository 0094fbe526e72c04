"""Why a database or a disk took nothing: words that clients can act on, whichever database it is."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    """Of the answer to a request that was about to write."""
    words: str
    retry_after_secs: int


BUSY: Final = Refusal(503, "The database is busy or cannot be reached; nothing was changed. Try again.", 2)
FULL: Final = Refusal(
    507,
    "The server's disk is full; nothing was changed, and what is stored can be read. Try again later.",
    60,
)
READ_ONLY: Final = Refusal(
    503, "The server's database can only be read now; nothing was changed. Try again later.", 60
)
DAMAGED: Final = Refusal(
    503,
    "The server's database is damaged or its disk fails; nothing was changed. Its operator must act.",
    300,
)

_SQLITE: Final = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
_POSTGRESQL: Final = {
    "53100": FULL,
    "25006": READ_ONLY,
    "58030": DAMAGED,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
_SYSTEM: Final = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: READ_ONLY, errno.EIO: DAMAGED}


def refusal_of(error: BaseException) -> Refusal | None:
    """None for what is no fault of a database or disk."""
    if isinstance(error, OSError):
        return _SYSTEM.get(error.errno or 0)
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    found = (
        _SQLITE.get(code & 0xFF)
        if code is not None
        else _POSTGRESQL.get(getattr(cause, "sqlstate", None) or "")
    )
    if found is not None:
        return found
    return BUSY if isinstance(error, OperationalError | InterfaceError) else None
