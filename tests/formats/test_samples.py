"""Payloads as providers really shape them, beside the turns that a person would write down."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.calls import Role, Turn
from callgauge.formats import FORMATS, from_wire, parse_transcript, to_wire

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))

ROLES = {
    "agent": Role.AGENT,
    "caller": Role.CALLER,
    "system": Role.SYSTEM,
    "call": Role.TOOL_CALL,
    "result": Role.TOOL_RESULT,
}


def load(path: Path) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return sample


def written(turn: Turn) -> list[Any]:
    """A turn in the short hand of the samples: who, what, from, to."""
    who = next(name for name, role in ROLES.items() if role is turn.role)
    if turn.tool is None:
        return [who, turn.text, turn.start_secs, turn.end_secs]
    keys = ("id", "name", "arguments", "result", "is_error")
    tool = {key: getattr(turn.tool, key) for key in keys if getattr(turn.tool, key) not in ("", None)}
    return [who, tool, turn.start_secs, turn.end_secs]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_sample(path: Path) -> None:
    sample = load(path)
    speaker = sample.get("agent_speaker")
    parsed = parse_transcript(sample["type"], sample["payload"], agent_speaker=speaker)
    assert [written(turn) for turn in parsed.turns] == sample["turns"]
    assert list(parsed.notes) == sample["notes"]
    assert parsed.format == sample.get("format", FORMATS[sample["type"]].name)
    assert from_wire(json.loads(json.dumps(to_wire(parsed.turns)))) == parsed.turns


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if load(path)["turns"]], ids=lambda path: path.stem
)
def test_without_a_declared_type_the_turns_are_the_same(path: Path) -> None:
    sample = load(path)
    parsed = parse_transcript(None, sample["payload"], agent_speaker=sample.get("agent_speaker"))
    assert [written(turn) for turn in parsed.turns] == sample["turns"]


def test_every_format_has_samples() -> None:
    count = Counter(FORMATS[load(path)["type"]].name for path in SAMPLES)
    assert all(count[known.name] >= 3 for known in FORMATS.values())
