"""Calls, metrics and a judge to test scoring with."""

from callgauge.domain.calls import AgentFacts, Call, Role, Tool, Turn
from callgauge.domain.judging import JudgeAnswer
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec
from callgauge.domain.outcomes import Usage

USAGE = Usage(requests=1, input_tokens=1000, cached_tokens=800, output_tokens=50, cost_usd=0.001)

AGENT = AgentFacts(
    id=7,
    name="Ada",
    description="Books dentist appointments for {{clinic}}. Greets {{unknown}}.",
    language="en",
    inbound=True,
    contact_number="+15550100",
)

TURNS = (
    Turn(Role.AGENT, "Hello, Bright Smile dental, how can I help?", 0.0, 3.0),
    Turn(Role.CALLER, "I'd like to move my appointment to Friday.", 3.5, 6.0),
    Turn(Role.TOOL_CALL, "", 6.1, 6.1, Tool("t1", "find_slot", '{"day": "Friday"}')),
    Turn(Role.TOOL_RESULT, "", 6.8, 6.8, Tool("t1", "find_slot", result='{"slots": ["10:00"]}')),
    Turn(Role.AGENT, "Friday at ten is free. Shall I book it?", 7.2, 9.5),
    Turn(Role.CALLER, "Yes, please. That's perfect!", 10.0, 11.5),
    Turn(Role.AGENT, "Done. Good-bye.", 12.1, 13.0),
)


def make_call(turns=TURNS, **changes):
    facts = {
        "id": 42,
        "call_id": "call-42",
        "agent": AGENT,
        "turns": turns,
        "timestamp": "2026-03-01T09:30:00Z",
        "duration_secs": 73.4,
        "ended_reason": "customer-ended-call",
        "metadata": {"tier": "gold", "order": {"items": [{"sku": "A-1"}]}, "a.b": 1, "on hold": False},
        "dynamic_variables": {"clinic": "Bright Smile", "patient-name": "Ann"},
        "topic": "booking",
        "tags": ("pilot",),
        "content_hash": "c0ffee",
    }
    return Call(**(facts | changes))


def make_spec(eval_type=EvalType.BINARY, **changes):
    facts = {
        "metric_id": 1,
        "version_id": 11,
        "name": "Politeness",
        "kind": MetricKind.LLM_JUDGE,
        "eval_type": eval_type,
        "description": "Was the agent polite?",
    }
    return MetricSpec(**(facts | changes))


def answered(value, *, applicable=True, evidence=(), explanation=("Because.",), **changes):
    content = {
        "evidence": list(evidence),
        "explanation": list(explanation),
        "applicable": applicable,
        "value": value,
    }
    return JudgeAnswer(content, "test:model", USAGE, **changes)
