"""Requests and judges for the tests, shaped like those of the product."""

from __future__ import annotations

from typing import Any

from callgauge.domain.judging import JudgeRequest, Message
from callgauge.judge import PROVIDERS, JudgeSettings
from callgauge.judge.client import HttpJudge
from callgauge.judge.retry import Clock

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
        "value": {"type": ["boolean", "number", "string", "null"]},
    },
    "required": ["evidence", "explanation", "applicable", "value"],
    "additionalProperties": False,
}
ANSWER = {"evidence": [], "explanation": ["Greeted."], "applicable": True, "value": True}
KEY = "sk-secret-0123456789"
BASE_PATHS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}


def question(text: str = "Did the agent greet the caller?", **changes: Any) -> JudgeRequest:
    messages = [
        Message("system", "You judge calls."),
        Message(
            "user", "[1] AGENT: Good morning, how can I help?\n[2] CALLER: My bill is wrong.", cacheable=True
        ),
        Message("user", text),
    ]
    fields: dict[str, Any] = {"messages": messages, "schema": SCHEMA, "schema_name": "verdict", **changes}
    return JudgeRequest(**fields)


def judge_at(url: str, provider: str = "openai", clock: Clock | None = None, **changes: Any) -> HttpJudge:
    """A judge of the given provider whose server is at `url` (without a path)."""
    settings = JudgeSettings(
        provider=provider, model="fake", base_url=url + BASE_PATHS[provider], api_key=KEY, **changes
    )
    opened = PROVIDERS[provider](settings)
    assert isinstance(opened, HttpJudge)
    return opened if clock is None else HttpJudge(opened.adapter, settings, clock=clock)
