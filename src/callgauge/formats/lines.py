"""Transcripts as lines of text: `[MM:SS] Speaker: words`."""

from __future__ import annotations

import re
from typing import Any

from callgauge.formats.roles import role_of

_LINE = re.compile(
    r"\s*(?:\[(?P<bracketed>[\d:.,]+)\]|(?P<bare>\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?))?\s*"
    r"(?P<speaker>[^\W\d_][\w .'’()#-]{0,39}?)\s*:\s*(?P<text>.*)"
)
MAX_SPEAKER_WORDS = 4


def lines_of(text: str) -> list[dict[str, Any]]:
    """Rows of a transcript in lines `Speaker: words`, each with a time `[MM:SS]` before it or not. A line
    without a speaker goes on with the turn before it. Empty where no line has a speaker."""
    rows: list[dict[str, Any]] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is not None and _is_speaker(match):
            row = {"role": match["speaker"], "content": match["text"].strip()}
            time = match["bracketed"] or match["bare"]
            rows.append({**row, "start_time": time} if time else row)
        elif rows and line.strip():
            rows[-1]["content"] = f"{rows[-1]['content']} {line.strip()}".strip()
    return rows


def _is_speaker(match: re.Match[str]) -> bool:
    """A line of speech may hold a colon too: a name is known, or timed, or short and capitalised."""
    name = match["speaker"]
    if role_of(name) is not None or match["bracketed"] or match["bare"]:
        return True
    return name[0].isupper() and len(name.split()) <= MAX_SPEAKER_WORDS
