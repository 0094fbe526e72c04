"""What every client in this benchmark asks: a prompt of 2,000 tokens and a schema. Standard library only."""

from __future__ import annotations

import random
from typing import Any

PROMPT_TOKENS = 2_000
_CHARS_PER_TOKEN = 4

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"turn": {"type": "integer"}, "quote": {"type": "string"}},
                "required": ["turn", "quote"],
                "additionalProperties": False,
            },
        },
        "explanation": {"type": "array", "items": {"type": "string"}},
        "applicable": {"type": "boolean"},
        "value": {"type": ["boolean", "null"]},
    },
    "required": ["evidence", "explanation", "applicable", "value"],
    "additionalProperties": False,
}
SYSTEM = "You judge one finished phone call. Answer with evidence first and the verdict last."
QUESTION = "Did the agent solve what the caller called about?"
_WORDS = (
    "yes",
    "no",
    "please",
    "bill",
    "order",
    "number",
    "tomorrow",
    "thanks",
    "sorry",
    "agent",
    "help",
    "name",
)


def transcript(number: int) -> str:
    """A call of its own for each number, so that no two requests are alike."""
    chance = random.Random(number)
    lines, length, turn = [], len(SYSTEM) + len(QUESTION), 0
    while length < PROMPT_TOKENS * _CHARS_PER_TOKEN:
        speaker = "AGENT" if turn % 2 == 0 else "CALLER"
        lines.append(f"[{turn}] {speaker}: {' '.join(chance.choices(_WORDS, k=12))}")
        length += len(lines[-1]) + 1
        turn += 1
    return "\n".join(lines)


def openai_body(number: int) -> dict[str, Any]:
    return {
        "model": "fake",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": transcript(number)},
            {"role": "user", "content": QUESTION},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
        },
        "max_tokens": 2000,
        "temperature": 0.0,
    }


def anthropic_body(number: int) -> dict[str, Any]:
    return {
        "model": "fake",
        "max_tokens": 2000,
        "system": SYSTEM,
        "messages": [
            {"role": "user", "content": transcript(number)},
            {"role": "user", "content": QUESTION},
        ],
        "output_config": {"format": {"type": "json_schema", "schema": {**SCHEMA}}},
        "temperature": 0.0,
    }
