"""Text and Markdown: as they are."""

from __future__ import annotations

import codecs

from callgauge.formats.documents.errors import DocumentError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; those of 4 bytes go first because one begins like the mark of UTF-16."""


def decode(data: bytes) -> str:
    """UTF-8, or what the byte order mark says; else Windows-1252, which older office programs write."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise DocumentError("its text is not in the encoding that it claims") from None
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise DocumentError("it is no text") from None
    if "\x00" in text:
        raise DocumentError("it is no text")
    return text
