"""Language: which one the caller speaks, and the agent, by the transcript."""

from __future__ import annotations

import asyncio
from typing import Any

from callgauge.domain.calls import Call, Role
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome, Scored, Skipped, SkipReason, Value
from callgauge.engine.transcription.languages import Language, language_of
from callgauge.engine.transcription.sides import Transcribe


async def score(call: Call, spec: MetricSpec, transcribe: Transcribe | None) -> Outcome:
    """Enum: the code of the caller's language. The agent's is in `extra`."""
    return await asyncio.to_thread(_told, call)


def _told(call: Call) -> Outcome:
    caller, agent = (_spoken_by(call, role) for role in (Role.CALLER, Role.AGENT))
    extra = {
        "source": "transcript",
        "sides": {"caller": _shown(caller), "agent": _shown(agent)},
        "same": caller.code == agent.code if caller.code and agent.code else None,
    }
    if not caller.code:
        return Skipped(
            SkipReason.NOT_APPLICABLE,
            ("The caller says too little for its language to be told.",),
            extra=extra,
        )
    words = [f"The caller speaks {caller.code}, the agent {agent.code or 'what cannot be told'}."]
    configured = call.agent.language
    if agent.code and len(configured) == len(agent.code) and configured != agent.code:
        words.append(f"The agent is set to {configured}.")
    return Scored(Value(label=caller.code), tuple(words), extra=extra)


def _spoken_by(call: Call, role: Role) -> Language:
    return language_of("\n".join(turn.text for turn in call.turns if turn.role is role))


def _shown(found: Language) -> dict[str, Any]:
    return {"language": found.code or None, "confidence": found.confidence}
