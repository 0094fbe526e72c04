"""What workers count, log and trace of their work: figures and ids, no content."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from callgauge.domain.judging import JudgeAnswer, JudgeError
from callgauge.flow import ledger
from callgauge.store.models import Chunk, Priority
from callgauge.telemetry.context import about
from callgauge.telemetry.logs import event
from callgauge.telemetry.metrics import (
    CHUNK_SECS,
    CHUNKS,
    JUDGE_IN_FLIGHT,
    count_answer,
    labelled,
    outcome_of,
)
from callgauge.telemetry.traces import Span, span


@contextmanager
def watched_chunk(chunk: Chunk) -> Iterator[None]:
    """Its log lines and spans carry the chunk and its rerun."""
    priority = Priority(chunk.priority).name.lower()
    began, ending = time.monotonic(), "failed"
    facts: dict[str, str | int] = {
        "kind": chunk.kind,
        "priority": priority,
        "calls": len(chunk.call_ids),
        "attempt": chunk.attempts,
    }
    with about(rerun_id=chunk.rerun_id, chunk_id=chunk.pk):
        try:
            with span("chunk", **facts):
                yield
            ending = "done"
        except ledger.LeaseLost:
            ending = "let_go"
            raise
        except Exception:
            raise
        except BaseException:
            ending = "let_go"  # its lease was lost, its rerun paused, or the worker stops
            raise
        finally:
            secs = time.monotonic() - began
            labelled(CHUNKS, ending).inc()
            labelled(CHUNK_SECS, priority).observe(secs)
            event("chunk", ending=ending, ms=round(1000 * secs), **facts)


@contextmanager
def watched_judge_call(model: str) -> Iterator[Callable[[JudgeAnswer], None]]:
    """Tell it the answer; what is raised instead it sees itself."""
    began = time.monotonic()

    def count(made: Span, answer: JudgeAnswer | JudgeError) -> None:
        count_answer(model, answer, time.monotonic() - began)
        usage = answer.usage
        made.note(
            outcome=outcome_of(answer),
            attempts=answer.attempts,
            faults=",".join(answer.faults),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=usage.cost_usd,
        )

    with JUDGE_IN_FLIGHT.track_inprogress(), span("judge call", model=model) as made:
        try:
            yield lambda answer: count(made, answer)
        except JudgeError as error:
            count(made, error)
            raise
