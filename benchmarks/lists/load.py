"""Calls as a company has them after a few months, put straight into the tables."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

SEED = 5
BATCH = 5_000
METRICS = (
    *(("binary", name) for name in ("Goal reached", "Polite", "Identity checked", "No invention")),
    *(("continuous_qualitative", name) for name in ("CSAT", "Clarity", "Empathy")),
    *(("numeric", name) for name in ("Latency", "Interruptions")),
    ("enum", "Mood"),
)
TIERS = ("gold", "silver", "bronze", "trial")
REASONS = ("customer-ended-call", "agent-ended-call", "exceeded-max-duration", "silence-timed-out")
TEXT = """
we would like a table for the evening and one of us cannot eat nuts so please let the kitchen know
certainly i have noted that and kept the one by the window for you is there anything else today
"""
WORDS = TEXT.split()


@dataclass(frozen=True, slots=True)
class Layout:
    """How the calls lie: over how many agents and days."""

    agents: int
    days: int


LAYOUTS = {"spread": Layout(agents=5, days=90), "dense": Layout(agents=1, days=30)}


@dataclass(frozen=True, slots=True)
class Loaded:
    secret: str
    agents: Sequence[int]
    metrics: Sequence[tuple[str, int]]
    """(eval type, id)"""
    secs: float


def load(calls: int, layout: Layout) -> Loaded:
    """Everything is made by one seed. Django is set up and the tables are there."""
    from callgauge.flow.keys import create_key
    from callgauge.store.models import Agent, Metric, MetricVersion, Rerun, RerunKind

    began = time.perf_counter()
    key, secret = create_key(organization="Bench", project="Support")
    project = key.project
    assert project is not None
    agents = [Agent.objects.create(project=project, name=f"Agent {n}") for n in range(layout.agents)]
    metrics = []
    for order, (eval_type, name) in enumerate(METRICS):
        metric = Metric.objects.create(
            project=project, name=name, slug=name.lower().replace(" ", "-"), display_order=order
        )
        metric.current_version = MetricVersion.objects.create(
            metric=metric, number=1, name=name, kind="llm_judge", eval_type=eval_type, content_hash="0" * 64
        )
        metric.save()
        metrics.append(metric)
    rerun = Rerun.objects.create(project=project, kind=RerunKind.RERUN, state="done")
    rng = random.Random(SEED)
    numbers = range(1, calls + 1)
    _copy("CallLog", _calls(rng, numbers, [a.pk for a in agents], project.pk, layout.days))
    _copy("CallPayload", _payloads(rng, numbers))
    _copy("CallMetadata", _metadata(rng, numbers))
    _copy("MetricResult", _results(rng, numbers, metrics, rerun.pk))
    _settle()
    return Loaded(
        secret,
        [agent.pk for agent in agents],
        [(eval_type, metric.pk) for (eval_type, _), metric in zip(METRICS, metrics, strict=True)],
        time.perf_counter() - began,
    )


def _calls(
    rng: random.Random, numbers: Iterable[int], agents: Sequence[int], project: int, days: int
) -> Iterator[dict[str, Any]]:
    from django.utils import timezone

    now = timezone.now()
    count = len(list(numbers))
    for place, number in enumerate(numbers):
        when = now - timedelta(days=days * (count - place) / count)
        yield {
            "id": number,
            "project_id": project,
            "agent_id": rng.choice(agents),
            "call_id": f"call-{number:07d}-{rng.randrange(16**8):08x}",
            "timestamp": when,
            "duration_secs": round(rng.lognormvariate(4.0, 0.8), 1),
            "call_ended_reason": rng.choice(REASONS),
            "customer_number": f"+4179{rng.randrange(10**7):07d}",
            "topic": rng.choice(("", "booking", "refund", "opening hours")),
            "success": rng.random() < 0.7,
            "content_hash": "0" * 64,
            "created_at": when,
            "updated_at": when,
        }


def _payloads(rng: random.Random, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        turns = []
        for turn in range(12):
            start = rng.randrange(len(WORDS))
            text = " ".join(WORDS[(start + i) % len(WORDS)] for i in range(24))
            turns.append(
                {
                    "role": "Main Agent" if turn % 2 else "Testing Agent",
                    "content": text,
                    "start_time": turn * 6.0,
                    "end_time": turn * 6.0 + 5.0,
                }
            )
        lines = [f"[00:{n * 5:02d}] {turn['role']}: {turn['content']}" for n, turn in enumerate(turns)]
        yield {
            "call_id": number,
            "transcript": "\n".join(lines),
            "turns": json.dumps(turns),
            "metadata": json.dumps({"tier": rng.choice(TIERS)}),
        }


def _metadata(rng: random.Random, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Eight keys a call."""
    for number in numbers:
        tries = rng.randrange(1, 6)
        values: dict[str, Any] = {
            "tier": rng.choice(TIERS),
            "tries": tries,
            "campaign": f"campaign-{rng.randrange(40)}",
            "region": rng.choice(("north", "south", "east", "west")),
            "customer.id": f"cust-{rng.randrange(30_000)}",
            "customer.plan": rng.choice(("free", "pro", "team")),
            "language": rng.choice(("en", "de", "fr")),
            "vip": rng.choice(("true", "false")),
        }
        for key, value in values.items():
            number_of = float(value) if isinstance(value, int) else None
            yield {"call_id": number, "key": key, "text": str(value), "number": number_of}


def _results(
    rng: random.Random, numbers: Iterable[int], metrics: Sequence[Any], rerun: int
) -> Iterator[dict[str, Any]]:
    from django.utils import timezone

    now = timezone.now()
    why = json.dumps([" ".join(WORDS[:25])])
    for number in numbers:
        for (eval_type, _), metric in zip(METRICS, metrics, strict=True):
            passed = rng.random() < 0.8 if eval_type == "binary" else None
            label = rng.choice(("calm", "angry", "happy")) if eval_type == "enum" else None
            score = None
            if eval_type == "continuous_qualitative":
                score = float(rng.randrange(1, 6))
            elif eval_type == "numeric":
                score = round(rng.lognormvariate(0.0, 1.0), 2)
            yield {
                "call_id": number,
                "metric_id": metric.pk,
                "version_id": metric.current_version_id,
                "rerun_id": rerun,
                "outcome": "scored",
                "passed": passed,
                "number": score,
                "label": label,
                "explanation": why,
                "input_hash": "0" * 64,
                "is_current": True,
                "created_at": now,
            }


def _copy(name: str, rows: Iterator[dict[str, Any]]) -> None:
    """All columns in one go: COPY on PostgreSQL, one prepared statement per batch on SQLite."""
    from django.apps import apps
    from django.db import connection, transaction

    from callgauge.store.bulk import insert_rows

    model = apps.get_model("store", name)
    made = {"id"} if name in ("CallMetadata", "MetricResult") else set()
    fields = [field for field in model._meta.concrete_fields if field.attname not in made]
    columns = [field.column for field in fields]

    def values(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(
            field.get_db_prep_save(row.get(field.attname, field.get_default()), connection)
            for field in fields
        )

    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            names = ", ".join(connection.ops.quote_name(column) for column in columns)
            with cursor.copy(f'COPY "{model._meta.db_table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(values(row))
        return
    while batch := list(islice(rows, BATCH)):
        with transaction.atomic():
            insert_rows(model, columns, [values(row) for row in batch])


def _settle() -> None:
    """As a database is after a day at work: its statistics are there, its log is written back."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint")
