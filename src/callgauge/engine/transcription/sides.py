"""What was really said, by side: given with the call, or written down by a speech-to-text model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from callgauge.domain.calls import Call, Role
from callgauge.domain.outcomes import Failed, Skipped
from callgauge.engine.faults import BadConfiguration
from callgauge.formats import TranscriptError, parse_transcript
from callgauge.formats.lines import lines_of
from callgauge.formats.roles import role_of

KEY: Final = "reference_transcript"
"""Of the call's metadata."""
AGENT, CALLER, BOTH = "agent", "caller", "both"
SIDES: Final = (AGENT, CALLER, BOTH)
_ROLES: Final = {Role.AGENT: AGENT, Role.CALLER: CALLER}


@dataclass(frozen=True, slots=True)
class Said:
    """Texts by side; `both` alone where it is not known who said what."""

    texts: Mapping[str, str]
    source: str = "reference"
    model: str = ""
    notes: tuple[str, ...] = field(default=())


Transcribe = Callable[[], Awaitable[Said | Skipped | Failed]]
"""Has the recording written down, once for all metrics of the call."""


def given(call: Call) -> Said | None:
    """The reference that came with the call. Raises BadConfiguration for one that cannot be read."""
    value = call.metadata.get(KEY)
    if value in (None, "", [], {}):
        return None
    texts = _by_name(value) if isinstance(value, Mapping) else None
    if texts is None:
        texts = _by_turn(value)
    texts = {side: text for side, text in texts.items() if text.strip()}
    if not texts:
        raise BadConfiguration(f"{KEY} in the call's metadata holds no words.")
    return Said(texts)


def _by_name(value: Mapping[Any, Any]) -> dict[str, str] | None:
    """`{"agent": "…", "caller": "…"}`; None where it is a transcript of another shape."""
    found: dict[str, str] = {}
    for name, text in value.items():
        side = _ROLES.get(role_of(str(name)) or Role.SYSTEM)
        if side is None or not isinstance(text, str):
            return None
        found[side] = text
    return found


def _by_turn(value: Any) -> dict[str, str]:
    if isinstance(value, str) and not value.lstrip().startswith(("[{", "{")):
        rows = lines_of(value)
        if not rows:
            return {BOTH: value}
        value = rows
    try:
        parsed = parse_transcript(None, value)
    except TranscriptError as error:
        raise BadConfiguration(f"{KEY} in the call's metadata cannot be read: {error}") from None
    found: dict[str, list[str]] = {}
    for turn in parsed.turns:
        if turn.role in _ROLES:
            found.setdefault(_ROLES[turn.role], []).append(turn.text)
    return {side: "\n".join(texts) for side, texts in found.items()}
