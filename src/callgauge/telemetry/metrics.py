"""The counters of this process, in Prometheus's words.

Labels take few values, all of them ours: views, methods, providers, outcomes. Nothing here tells one tenant
or one call from another. What is true of the whole installation is read from the database, see flow.gauges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
    start_http_server,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from callgauge.domain.judging import JudgeAnswer, JudgeError, JudgeInvalidAnswer, JudgeRefused
from callgauge.domain.outcomes import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own: with it several processes of one web server count into files of this folder."""

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "callgauge_http_requests", "Requests answered.", ["method", "view", "status"], registry=REGISTRY
)
REQUEST_SECS = Histogram(
    "callgauge_http_request_duration_seconds",
    "Time from a whole request to the head of its answer.",
    ["view"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
JUDGE_CALLS = Counter(
    "callgauge_judge_calls",
    "Questions to judges, with their retries counted as one.",
    ["provider", "outcome"],
    registry=REGISTRY,
)
JUDGE_SECS = Histogram(
    "callgauge_judge_call_duration_seconds",
    "Time that a question took with its retries.",
    ["provider"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 300),
    registry=REGISTRY,
)
JUDGE_IN_FLIGHT = Gauge(
    "callgauge_judge_calls_in_flight",
    "Questions that are with a judge now.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
TOKENS = Counter("callgauge_judge_tokens", "Tokens used, by kind.", ["provider", "kind"], registry=REGISTRY)
COST = Counter(
    "callgauge_judge_cost_usd",
    "What judges cost, as far as prices are known.",
    ["provider"],
    registry=REGISTRY,
)
RESULTS = Counter("callgauge_results", "Results stored.", ["outcome"], registry=REGISTRY)
CHUNKS = Counter("callgauge_chunks", "Chunks ended in this process.", ["ending"], registry=REGISTRY)
CHUNK_SECS = Histogram(
    "callgauge_chunk_duration_seconds",
    "Time that a chunk took.",
    ["priority"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900),
    registry=REGISTRY,
)
WRITE_RETRIES = Counter(
    "callgauge_database_write_retries",
    "Times that the database refused results and they were kept for another try.",
    registry=REGISTRY,
)

Labelled = TypeVar("Labelled", Counter, Histogram)


@lru_cache(maxsize=1024)
def labelled(metric: Labelled, *values: str) -> Labelled:
    """One of a metric's series. Looked up once: the library checks and locks each time, and every question
    to a judge counts in seven of them."""
    return metric.labels(*values)


METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def count_request(method: str, view: str, status: int, secs: float) -> None:
    """`view` is the name of one of ours, never an address: those have ids in them."""
    labelled(REQUESTS, method if method in METHODS else "other", view, str(status)).inc()
    labelled(REQUEST_SECS, view).observe(secs)


def count_answer(model: str, answer: JudgeAnswer | JudgeError, secs: float | None = None) -> None:
    """`secs` is None for what came in a batch."""
    provider = model.partition(":")[0]
    labelled(JUDGE_CALLS, provider, outcome_of(answer)).inc()
    count_usage(provider, answer.usage)
    if secs is not None:
        labelled(JUDGE_SECS, provider).observe(secs)


def outcome_of(answer: JudgeAnswer | JudgeError) -> str:
    match answer:
        case JudgeAnswer():
            return "answered"
        case JudgeRefused():
            return "refused"
        case JudgeInvalidAnswer():
            return "invalid"
        case _:
            return "unavailable"


def count_usage(provider: str, usage: Usage) -> None:
    for kind, tokens in (
        ("input", usage.input_tokens),
        ("cached", usage.cached_tokens),
        ("output", usage.output_tokens),
    ):
        labelled(TOKENS, provider, kind).inc(tokens)
    labelled(COST, provider).inc(usage.cost_usd or 0.0)


def render(further: Iterable[Collector] = ()) -> bytes:
    """All of them as text; `further` are asked as well."""
    registry = REGISTRY
    if os.environ.get(FOLDER_VARIABLE):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    both = CollectorRegistry()
    both.register(_Joined([registry, *further]))
    return generate_latest(both)


def serve_metrics(host: str, port: int, further: Iterable[Collector] = ()) -> int:
    """On an address of their own, from a thread; the port. Raises OSError."""
    registry = CollectorRegistry()
    registry.register(_Joined([REGISTRY, *further]))
    server, _ = start_http_server(port, host, registry=registry)
    return int(server.server_port)


class _Joined(Collector):
    def __init__(self, parts: Iterable[Collector]) -> None:
        self._parts = list(parts)

    def describe(self) -> Iterable[Metric]:
        return []  # asked for nothing when it is registered: some parts read the database

    def collect(self) -> Iterable[Metric]:
        for part in self._parts:
            yield from part.collect()
