"""What the samples are made of: agents, metrics, the rubric, the wording that changes, the calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

SAMPLES: Final = Path(str(files("callgauge.flow.samples")))
JUDGE_FILE: Final = SAMPLES / "demo-judge.json"
PROJECT: Final = "Demo"

AGENTS: Final[Mapping[str, str]] = {
    "bookings": "Ada, who takes bookings for the restaurant Linden and Rye.",
    "support": "Sam, who helps customers of the internet provider Northwick Fibre.",
    "sales": "Noa, who sells the shift planner Plumdesk.",
}
"""By name, which is also the name of the file with the agent's calls."""

RULE_METRICS: Final = ("Tool Call Success", "Latency (ms)", "Interruption Score")
"""Copied from the predefined ones: worked out by rule from the transcript, no judge is asked."""

CHANGED: Final = "Agreement confirmed"
WORDING_BEFORE: Final = (
    "Before the call ends, does the agent ask the caller to confirm what was agreed? "
    "Pass if it asks. Not applicable where nothing was agreed."
)
WORDING_AFTER: Final = (
    "Before the call ends, does the agent repeat every detail that the caller will act on (day, time, "
    "people, price, address, reference), correctly, and does the caller accept? A question without the "
    "details is a fail. Not applicable where nothing was agreed."
)
JUDGE_METRICS: Final[tuple[Mapping[str, Any], ...]] = (
    {"name": CHANGED, "eval_type": "binary", "description": WORDING_BEFORE},
    {
        "name": "Courtesy",
        "eval_type": "continuous_qualitative",
        "description": "How courteous is the agent? 5: warm and patient, lets the caller finish. "
        "3: correct, but curt. 0: rude, breaks in, or pushes on after a refusal.",
    },
    {
        "name": "Outcome",
        "eval_type": "enum",
        "enum_values": ["resolved", "next step", "unresolved"],
        "description": "How did the call end for the caller? resolved: what the caller wanted was done, and "
        "done right. next step: not done yet, but a definite next step was arranged. unresolved: neither.",
    },
)
RUBRIC: Final[Mapping[str, Mapping[str, Any]]] = {
    CHANGED: {"field": "score", "op": "eq", "value": True},
    "Courtesy": {"field": "score", "op": "gte", "value": 3},
    "Outcome": {"field": "enum", "op": "in", "value": ["resolved", "next step"]},
}
"""A call succeeds when all three hold; a metric that does not apply drops out."""


@dataclass(frozen=True, slots=True)
class PersonsVote:
    """What a person who listened to a call says of the changed metric."""

    call_id: str
    thumbs_up: bool
    value: bool
    feedback: str


VOTES: Final = (
    PersonsVote("bk-102", False, False, "The caller said Thursday. Tuesday was booked."),
    PersonsVote("bk-109", True, True, "Every detail was said just before. That is fine."),
)


def rubric(metric_ids: Mapping[str, int]) -> dict[str, Any]:
    rules = [
        {"metric_id": metric_ids[name], "conditions": {"operator": "and", "conditions": [condition]}}
        for name, condition in RUBRIC.items()
    ]
    return {"evaluation_logic": "and", "rules": rules}


def sample_rows(now: datetime) -> dict[str, list[dict[str, Any]]]:
    """The sample calls by agent, their times moved by whole weeks so that the newest call is of the last
    seven days: the callers name days of the week, and lists show the last 30 days."""
    rows: dict[str, list[dict[str, Any]]] = {
        agent: [json.loads(line) for line in (SAMPLES / f"{agent}.jsonl").read_text("utf-8").splitlines()]
        for agent in AGENTS
    }
    newest = max(_time(row) for calls in rows.values() for row in calls)
    shift = timedelta(weeks=(now.astimezone(UTC) - newest) // timedelta(weeks=1))
    for calls in rows.values():
        for row in calls:
            row["timestamp"] = (_time(row) + shift).isoformat()
    return rows


def copy_samples(folder: Path, now: datetime) -> dict[str, Path]:
    """The same as files, by agent."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for agent, calls in sample_rows(now).items():
        paths[agent] = folder / f"{agent}.jsonl"
        paths[agent].write_text("".join(json.dumps(row) + "\n" for row in calls), "utf-8")
    return paths


def _time(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["timestamp"])
