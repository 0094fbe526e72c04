"""Voicemail Detection: what the platform or an unmistakable announcement says settles it without a judge."""

from __future__ import annotations

import re

from callgauge.audio import Analysis
from callgauge.domain.calls import Call, Role, clock
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Evidence, Scored, Value
from callgauge.engine.forms.form import Form, Measured

FIRST_TURNS = 2
"""An announcement stands at the beginning; later on it may be quoted."""
MAX_CALLER_TURNS = 3
"""With more turns than that somebody may have picked up: the judge decides."""
QUOTE_CHARS = 200
MOST_BEEPS = 5

_REASON = re.compile(
    r"voice[\s_-]?mail|answering[\s_-]?machine|machine[\s_-]?(?:detected|end|start|answered)", re.IGNORECASE
)
_NO = re.compile(r"\b(?:no|not|non|human|without)\b|disabled|failed", re.IGNORECASE)
_ANNOUNCEMENT = re.compile(
    r"(?:leave|record)\s+(?:me\s+|us\s+)?(?:a|your)\s+(?:\w+\s+){0,3}message\b.{0,60}\b(?:after|at)\s+the\s+(?:tone|beep)"
    r"|\b(?:after|at)\s+the\s+(?:tone|beep)\b.{0,60}\b(?:leave|record)\s+(?:a|your)\b"
    r"|forwarded\s+to\s+(?:an?\s+)?(?:automat(?:ed|ic)\s+)?voice\s*(?:mail|\s?message)"
    r"|mailbox\s+(?:is|of .{1,60} is)\s+full|mailbox\s+has\s+not\s+been\s+set\s+up"
    r"|has\s+a\s+voice\s*mail\s*box\s+that",
    re.IGNORECASE | re.DOTALL,
)


def _prepare(call: Call, spec: MetricSpec) -> MetricSpec | Scored:
    reason = call.ended_reason.replace("_", " ")
    if _REASON.search(call.ended_reason) and not _NO.search(reason):
        return Scored(
            Value(passed=True),
            ("The platform ended the call because it reached a voicemail.",),
            extra={"source": "call_end_reason"},
        )
    said = [(index, turn) for index, turn in enumerate(call.turns) if turn.role is Role.CALLER]
    if len(said) > MAX_CALLER_TURNS:
        return spec
    for index, turn in said[:FIRST_TURNS]:
        if _ANNOUNCEMENT.search(turn.text):
            return Scored(
                Value(passed=True),
                ("The other side is the announcement of a voicemail.",),
                evidence=(Evidence(turn.text[:QUOTE_CHARS], index, turn.start_secs),),
                extra={"source": "announcement"},
            )
    return spec


def _beeps(_call: Call, _spec: MetricSpec, analysis: Analysis) -> Measured:
    """Those on the agent's own channel are left out: only the other side can be a machine."""
    agent = analysis.health.agent_channel
    found = [beep for beep in analysis.beeps if beep.channel != agent]
    where = "in the recording" if agent is None else "on the Testing Agent's side of the recording"
    if found:
        each = "; ".join(
            f"{clock(beep.start)}, {beep.end - beep.start:.1f} s, {beep.hz:.0f} Hz"
            for beep in found[:MOST_BEEPS]
        )
        text = f"A single tone, as answering machines give before they record, is heard {where} at: {each}."
    else:
        text = f"No such tone as answering machines give is heard {where}. Not every machine gives one."
    events = [
        {"start": round(beep.start, 3), "end": round(beep.end, 3), "hz": round(beep.hz)} for beep in found
    ]
    return Measured(f"# Measured\n\n{text}", {"beeps": events})


FORM = Form(eval_type=EvalType.BINARY, prepare=_prepare, measured=_beeps)
