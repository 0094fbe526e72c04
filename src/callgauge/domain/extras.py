"""What to tell somebody who lacks the packages of an extra."""

from __future__ import annotations


def how_to_add(extra: str) -> str:
    """The command that installs the extra, to be put into a sentence."""
    return f"`make extra NAME={extra}` in Callgauge's folder installs it"
