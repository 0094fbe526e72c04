"""Why a document cannot be read."""

from __future__ import annotations


class DocumentError(Exception):
    """The document cannot be read. The message says why and never repeats what the document says."""
