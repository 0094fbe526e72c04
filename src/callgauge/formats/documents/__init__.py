"""Text out of documents. A new kind is one reader, and one line below."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from callgauge.formats.documents.errors import DocumentError
from callgauge.formats.documents.markup import read_xml
from callgauge.formats.documents.pdf import read_pdf
from callgauge.formats.documents.plain import decode
from callgauge.formats.documents.tables import read_csv, read_json

__all__ = ["READERS", "DocumentError", "extract_text", "kind_of"]

READERS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "pdf": read_pdf,
    "txt": decode,
    "md": decode,
    "json": read_json,
    "csv": read_csv,
    "xml": read_xml,
}
"""By the ending of the file's name."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def kind_of(name: str) -> str:
    """The ending of a file's name, which says how it is read. Raises DocumentError."""
    kind = name.rpartition(".")[2].lower() if "." in name else ""
    if kind not in READERS:
        raise DocumentError(f"its name must end in one of {', '.join(READERS)}")
    return kind


def extract_text(name: str, data: bytes) -> str:
    """Its text, without what no database could store. Raises DocumentError, also where it has no text."""
    text = READERS[kind_of(name)](data)
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.encode("utf-8", "replace").decode("utf-8").strip()
    if not text:
        raise DocumentError("it has no text")
    return text
