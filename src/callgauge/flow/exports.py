"""Exports: asked for, written piece by piece by one owner, fetched, forgotten after a day.

A piece and the note of how far its export is are one transaction: whatever stops a writer, the next goes on
behind the last piece, and no call stands in the file twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.flow import errands
from callgauge.flow.audit import record
from callgauge.flow.call_fields import read_timestamp
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.export_rows import (
    EXTRA_HINT,
    Column,
    columns,
    csv_bytes,
    csv_piece,
    parquet_bytes,
    parquet_piece,
    rows,
)
from callgauge.flow.filters import read_filters
from callgauge.flow.scope import Who, projects_of
from callgauge.flow.wake import announce_work
from callgauge.store.models import (
    CallExport,
    CallLog,
    ErrandState,
    ExportFormat,
    ExportPiece,
    Metric,
    Project,
)
from callgauge.store.turns import write_turn

CALLS_PER_PIECE: Final = 500
JOINED_FOR: Final = timedelta(seconds=30)
"""A request that is sent again within this time gets the export that it made, even if that has ended."""
MAX_UNFINISHED: Final = 5
"""Of one project."""
_MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
UNREADABLE: Final = "The server could not find the calls of this export; see the server's log."


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls of a project. Everything as text or numbers, so that it can be kept with the export."""

    agent_id: int | None = None
    call_ids: Sequence[int] | None = None
    since: str | None = None
    until: str | None = None
    search: str = ""
    filters: str = ""
    now: str = ""
    """The moment that relative times count from."""

    def calls(self, project_id: int) -> QuerySet[CallLog]:
        """Raises Invalid for filters that cannot be used."""
        found = CallLog.objects.filter(project_id=project_id, deleted_at=None)
        if self.agent_id is not None:
            found = found.filter(agent_id=self.agent_id)
        if self.call_ids is not None:
            found = found.filter(pk__in=self.call_ids)
        if self.since:
            found = found.filter(timestamp__gte=read_timestamp(self.since))
        if self.until:
            found = found.filter(timestamp__lte=read_timestamp(self.until))
        if self.search:
            found = found.filter(call_id__icontains=self.search)
        if self.filters:
            now = datetime.fromisoformat(self.now) if self.now else None
            found = found.filter(read_filters(self.filters, [project_id], now=now))
        return found

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Wanted.__slots__}


@dataclass(frozen=True, slots=True)
class ExportWork:
    pk: int
    ids: array[int]
    """Of the calls that are left, in order."""
    give_up: bool


def request_export(project: Project, kind: str, wanted: Wanted) -> CallExport:
    """Raises Invalid for a format that is not there and filters that cannot be used, Conflict where the
    project has too many unfinished exports. An identical request joins the export that is under way."""
    if kind not in ExportFormat.values:
        raise Invalid.field("format", f"Write one of {', '.join(ExportFormat.values)}.")
    if kind == ExportFormat.PARQUET and find_spec("pyarrow") is None:
        raise Invalid.field("format", EXTRA_HINT)
    wanted.calls(project.pk)  # refused now rather than later
    fingerprint = stable_hash(project.pk, kind, wanted.as_json())
    now = timezone.now()
    with write_turn(), transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        errands.forget_old(CallExport.objects.filter(project=project))
        mine = CallExport.objects.filter(project=project).exclude(state=ErrandState.FAILED)
        open_ones = [row for row in mine if row.state != ErrandState.COMPLETED]
        for row in mine.filter(fingerprint=fingerprint).order_by("-id")[:1]:
            if row in open_ones or row.created_at > now - JOINED_FOR:
                return row
        if len(open_ones) >= MAX_UNFINISHED:
            raise Conflict(
                f"{len(open_ones)} exports of this project are being written. Wait for one to end."
            )
        newest = CallLog.objects.order_by("-id").values_list("pk", flat=True).first()
        metrics = Metric.objects.filter(
            project=project, deleted_at=None, current_version__isnull=False
        ).order_by("display_order", "id")
        export = CallExport.objects.create(
            uid=errands.new_uid(),
            project=project,
            format=kind,
            query={**wanted.as_json(), "now": now.isoformat()},
            fingerprint=fingerprint,
            metrics=list(metrics.values_list("pk", "name", "current_version__eval_type")),
            last_call_id=newest or 0,
        )
        record("export.requested", export, format=kind)
        announce_work()
    return export


def find_export(who: Who, uid: str) -> CallExport:
    """Raises NotFound for what is foreign, missing or over."""
    found = CallExport.objects.filter(
        project__in=projects_of(who),
        uid=errands.uid_of(uid),
        created_at__gt=timezone.now() - errands.KEPT_FOR,
    ).first()
    if found is None:
        raise NotFound
    return found


def delete_export(export: CallExport) -> None:
    """Whoever writes it notices that it is gone."""
    with write_turn(), transaction.atomic():
        record("export.deleted", export)
        ExportPiece.objects.filter(export=export).delete()
        CallExport.objects.filter(pk=export.pk).delete()


def expires_at(export: CallExport) -> datetime:
    return export.created_at + errands.KEPT_FOR


# --- writing ---------------------------------------------------------------------------------------------


def claim_export(owner: str) -> ExportWork | None:
    """Lease the oldest that nobody writes, and find its calls. The caller is in no transaction."""
    return errands.claim_loaded(
        CallExport, owner, partial(_load, owner), lambda pk: end_export(owner, pk, UNREADABLE)
    )


def _load(owner: str, export: CallExport) -> ExportWork:
    chosen = Wanted(**export.query).calls(export.project_id)
    left = chosen.filter(pk__gt=export.written_through, pk__lte=export.last_call_id).order_by("pk")
    ids = array("q", left.values_list("pk", flat=True).iterator(chunk_size=10_000))
    with write_turn():
        errands.held(CallExport, owner, export.pk).update(total=export.written + len(ids))
    return ExportWork(export.pk, ids, export.attempts > errands.MAX_ATTEMPTS)


def write_piece(owner: str, pk: int, ids: Sequence[int]) -> bool:
    """The next piece; False where another owner has the export now, or it was deleted."""
    export = errands.held(CallExport, owner, pk).first()
    if export is None:
        return False
    found = CallLog.objects.filter(pk__in=list(ids), deleted_at=None).order_by("pk")
    header = columns(export.metrics)
    lines = rows(list(found), export.metrics)
    if export.format == ExportFormat.CSV:
        content = csv_piece(lines, header if export.pieces == 0 else None)
    else:
        content = parquet_piece(lines, header)
    with write_turn(), transaction.atomic():
        # The number of pieces is compared too: whoever was faster under the same owner has written it.
        kept = (
            errands.held(CallExport, owner, pk)
            .filter(pieces=export.pieces)
            .update(
                pieces=export.pieces + 1,
                written=export.written + len(ids),
                written_through=ids[-1] if ids else export.written_through,
                attempts=1,
            )
        )
        if kept:
            ExportPiece.objects.create(export_id=pk, number=export.pieces, content=content)
    return bool(kept)


def end_export(owner: str, pk: int, error: str = "") -> None:
    with write_turn():
        errands.end(CallExport, owner, pk, failed=bool(error), error=error, finished_at=timezone.now())


def forget_exports() -> None:
    """What is over goes without anybody asking."""
    over = timezone.now() - errands.KEPT_FOR
    for pk in CallExport.objects.filter(created_at__lt=over).values_list("pk", flat=True)[:20]:
        with write_turn(), transaction.atomic():
            ExportPiece.objects.filter(export_id=pk).delete()
            CallExport.objects.filter(pk=pk).delete()


# --- reading ---------------------------------------------------------------------------------------------


def content_of(export: CallExport) -> Iterator[bytes]:
    """The file, some hundred calls at a time. Raises Conflict until it is complete."""
    if export.state != ErrandState.COMPLETED:
        raise Conflict("The export is not complete.")
    header: list[Column] = columns(export.metrics)
    if export.format == ExportFormat.CSV:
        return csv_bytes(_pieces(export))
    if find_spec("pyarrow") is None:
        raise Conflict(EXTRA_HINT)
    return parquet_bytes(_pieces(export), header)


def _pieces(export: CallExport) -> Iterator[bytes]:
    for number in range(export.pieces):
        piece = ExportPiece.objects.filter(export=export, number=number).first()
        if piece is None:
            raise NotFound  # it was deleted while it was read: the download breaks off
        yield bytes(piece.content)


def media_type(export: CallExport) -> str:
    return _MEDIA_TYPES[ExportFormat(export.format)]


def file_name(export: CallExport) -> str:
    return f"calls-{export.created_at:%Y-%m-%d}-{export.uid[:8]}.{export.format}"
