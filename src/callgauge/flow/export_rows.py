"""Calls as rows of a table: one row for each call, the same columns for all of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from callgauge.domain.extras import how_to_add
from callgauge.domain.metrics import EvalType
from callgauge.store.call_queries import NO_PAYLOAD, agent_names, payload_texts
from callgauge.store.models import CallLog, ResultOutcome
from callgauge.store.outlooks import outlooks_of
from callgauge.store.result_queries import ResultRow, current_results, current_reviews

Kind = Literal["whole", "number", "flag", "time", "text"]
EXTRA_HINT = (
    f"Parquet needs the extra parquet on the server; {how_to_add('parquet')}. CSV needs nothing more."
)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind


CALL_COLUMNS = (
    Column("id", "whole"),
    Column("call_id", "text"),
    Column("trace_id", "text"),
    Column("agent_id", "whole"),
    Column("agent_name", "text"),
    Column("timestamp", "time"),
    Column("duration_secs", "number"),
    Column("status", "text"),
    Column("success", "flag"),
    Column("is_reviewed", "flag"),
    Column("call_ended_reason", "text"),
    Column("customer_number", "text"),
    Column("topic", "text"),
    Column("dropoff_point", "text"),
    Column("feedback", "text"),
    Column("error_message", "text"),
    Column("metadata", "text"),
    Column("dynamic_variables", "text"),
    Column("voice_recording_url", "text"),
    Column("transcript", "text"),
)

Metrics = Sequence[tuple[int, str, str]]
"""(id, name, eval type)"""


def columns(metrics: Metrics) -> list[Column]:
    """Four for each metric: what the machine found, what came of it, why, and what a person said instead."""
    names = [name for _, name, _ in metrics]
    found = list(CALL_COLUMNS)
    taken = {column.name for column in CALL_COLUMNS}
    for pk, name, eval_type in metrics:
        title = f"{name} #{pk}" if names.count(name) > 1 or name in taken else name
        found += [
            Column(title, _kind_of(eval_type)),
            Column(f"{title} [outcome]", "text"),
            Column(f"{title} [explanation]", "text"),
            Column(f"{title} [person]", "text"),
        ]
    return found


def rows(calls: Sequence[CallLog], metrics: Metrics) -> Iterator[list[Any]]:
    """In the order of the columns. A fixed number of queries for all the calls."""
    ids = [call.pk for call in calls]
    outlooks, payloads, agents = outlooks_of(calls), payload_texts(ids), agent_names(calls)
    results, reviews = current_results(ids), current_reviews(ids)
    for call in calls:
        outlook, payload = outlooks[call.pk], payloads.get(call.pk, NO_PAYLOAD)
        row: list[Any] = [
            call.pk,
            call.call_id,
            call.trace_id,
            call.agent_id,
            agents.get(call.agent_id or 0, ""),
            call.timestamp,
            call.duration_secs,
            outlook.status,
            outlook.success,
            call.is_reviewed,
            call.call_ended_reason,
            call.customer_number,
            call.topic,
            call.dropoff_point,
            call.feedback,
            outlook.error_message,
            payload.metadata,
            payload.dynamic_variables,
            payload.voice_recording_url,
            payload.transcript,
        ]
        by_metric = {result.metric_id: result for result in results.get(call.pk, ())}
        for pk, _, eval_type in metrics:
            review = reviews.get((call.pk, pk))
            person = None
            if review is not None and review.has_expected_value:
                person = "n/a" if review.expected_value is None else _plain(review.expected_value)
            row += [*_cells(by_metric.get(pk), eval_type), person]
        yield row


def _cells(result: ResultRow | None, eval_type: str) -> tuple[Any, str | None, str | None]:
    if result is None:
        return None, None, None
    explanation = " ".join(map(str, json.loads(result.explanation)))
    if result.outcome != ResultOutcome.SCORED:
        return None, f"{result.outcome}: {result.reason}", explanation
    outcome = f"{result.outcome}, out of date" if result.is_stale else str(result.outcome)
    value = {"flag": result.passed, "number": result.number}.get(_kind_of(eval_type), result.label)
    if value is None:
        # An older version of the metric gave another kind of value: it is told, not dropped.
        found = next(one for one in (result.passed, result.number, result.label, "") if one is not None)
        outcome = f"{outcome} by an older version as {_plain(found)}"
    return value, outcome, explanation


def _kind_of(eval_type: str) -> Kind:
    match eval_type:
        case EvalType.BINARY:
            return "flag"
        case EvalType.RATING | EvalType.NUMERIC:
            return "number"
        case _:
            return "text"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- CSV ---------------------------------------------------------------------------------------------------


def csv_piece(lines: Iterator[list[Any]], header: Sequence[Column] | None = None) -> bytes:
    """RFC 4180 in UTF-8, compressed; true and false in words, times in ISO 8601, empty where unknown."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header is not None:
        writer.writerow([column.name for column in header])
    for line in lines:
        writer.writerow([_csv_cell(cell) for cell in line])
    return gzip.compress(text.getvalue().encode(), compresslevel=4)


def _csv_cell(cell: Any) -> Any:
    match cell:
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.isoformat().replace("+00:00", "Z")
        case _:
            return cell


def csv_bytes(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield gzip.decompress(piece)


# --- Parquet -----------------------------------------------------------------------------------------------


def parquet_piece(lines: Iterator[list[Any]], header: Sequence[Column]) -> bytes:
    """A compressed Arrow stream. Needs pyarrow."""
    import pyarrow as pa

    schema = _schema(header)
    found = list(lines)
    arrays = [pa.array([line[place] for line in found], field.type) for place, field in enumerate(schema)]
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return sink.getvalue()


def parquet_bytes(pieces: Iterator[bytes], header: Sequence[Column]) -> Iterator[bytes]:
    """One Parquet file, a row group for each piece; no more than a piece is held. Needs pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(piece: bytes) -> bytes:
        with pa.ipc.open_stream(piece) as stream:
            writer.write_table(stream.read_all())
        return sink.taken()

    def end() -> bytes:
        writer.close()
        return sink.taken()

    sink = _Sink()
    writer = _arrow.submit(pq.ParquetWriter, sink, _schema(header), compression="snappy").result()
    for piece in pieces:
        yield _arrow.submit(write, piece).result()
    yield _arrow.submit(end).result()


_arrow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callgauge-parquet")
"""One thread for all Parquet files: each thread that Arrow works in keeps some 60 MB for itself."""


class _Sink(io.RawIOBase):
    """What was written since it was last emptied."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, part: Any) -> int:
        copy = bytes(part)
        self._parts.append(copy)
        self._at += len(copy)
        return len(copy)

    def taken(self) -> bytes:
        whole, self._parts = b"".join(self._parts), []
        return whole


def _schema(header: Sequence[Column]) -> Any:
    import pyarrow as pa

    types = {
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "text": pa.string(),
    }
    return pa.schema([(column.name, types[column.kind]) for column in header])
