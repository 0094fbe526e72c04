"""PDF, read in a process of its own: a file made to exhaust its reader takes down only that process."""

from __future__ import annotations

import contextlib
import io
import logging
import resource
import subprocess
import sys

from callgauge.formats.documents.errors import DocumentError

MAX_PAGES = 2_000
MEMORY_BYTES = 1 << 30
CPU_SECS = 30
WALL_SECS = 60
ENCRYPTED, BROKEN, LONG = 3, 4, 5
"""Exit codes of the process."""


def read_pdf(data: bytes) -> str:
    """The text of its pages. A scan without a text layer has none."""
    try:
        done = subprocess.run(  # noqa: S603 -- our own module, and no argument from outside
            [sys.executable, "-m", __name__],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DocumentError("it takes too long to read") from None
    match done.returncode:
        case 0:
            return done.stdout.decode("utf-8")
        case code if code == ENCRYPTED:
            raise DocumentError("it is protected by a password")
        case code if code == LONG:
            raise DocumentError(f"it has more than {MAX_PAGES} pages")
        case code if code == BROKEN:
            raise DocumentError("it is not a valid PDF")
        case _:
            raise DocumentError("it takes too much memory or time to read")


def _extract(data: bytes) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECS, CPU_SECS))
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return ENCRYPTED
        if len(reader.pages) > MAX_PAGES:
            return LONG
        pages = [page.extract_text() for page in reader.pages]
    except MemoryError:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError):
        return BROKEN
    except NotImplementedError:
        return ENCRYPTED
    sys.stdout.buffer.write("\n\n".join(pages).encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    with contextlib.suppress(MemoryError):
        sys.exit(_extract(sys.stdin.buffer.read()))
    sys.exit(1)
