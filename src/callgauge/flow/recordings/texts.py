"""What speech to text heard in a recording: kept per file and model, so that it is paid once."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from callgauge.domain.calls import stable_hash
from callgauge.domain.storable import storable_text
from callgauge.flow import errands
from callgauge.flow.recordings.files import Place
from callgauge.store.models import RecordingDictation, RecordingFile, RecordingText
from callgauge.store.turns import write_turn


@dataclass(frozen=True, slots=True)
class Piece:
    channel: int
    number: int
    """Within the channel, from 0 on."""
    start_secs: float
    text: str
    language: str = ""
    total: int = 0
    """Pieces of the whole recording, over all its channels."""


def known_pieces(place: Place, model: str) -> list[Piece]:
    """In the order in which they are heard."""
    rows = RecordingText.objects.filter(
        file__project_id=place.project_id, file__sha256=place.sha256, model=model
    ).order_by("channel", "piece")
    return [Piece(row.channel, row.piece, row.start_secs, row.text, row.language, row.total) for row in rows]


@dataclass(frozen=True, slots=True)
class Lease:
    """Of one file for one model: meanwhile no other worker writes it down, which would be paid again."""

    pk: int | None
    """None where the file's row is gone, so that nobody else can ask for it."""


def claim_dictation(place: Place, model: str, owner: str) -> Lease | None:
    """None while another owner has it."""
    file = _file(place)
    if file is None:
        return Lease(None)
    uid = stable_hash(file.pk, model)[:32]
    with write_turn():
        row = RecordingDictation(uid=uid, file=file, model=model)
        RecordingDictation.objects.bulk_create([row], ignore_conflicts=True)
        mine = errands.claim_some(RecordingDictation, owner, 1, among=Q(uid=uid))
    return Lease(mine[0].pk) if mine else None


def renew_dictation(lease: Lease, owner: str) -> bool:
    """False where another owner has it now."""
    with write_turn():
        return lease.pk is None or errands.renew(RecordingDictation, owner, lease.pk)


def end_dictation(lease: Lease, owner: str) -> None:
    """Whatever came of it: what was heard is kept by itself."""
    with write_turn():
        if lease.pk is not None:
            errands.held(RecordingDictation, owner, lease.pk).delete()


def keep_piece(place: Place, model: str, piece: Piece) -> None:
    """Where another process was faster its text stays. Nothing is kept of a file that is gone by now."""
    file = _file(place)
    if file is None:
        return
    row = RecordingText(
        file=file,
        model=model,
        channel=piece.channel,
        piece=piece.number,
        start_secs=piece.start_secs,
        text=storable_text(piece.text),
        language=piece.language[:32],
        total=piece.total,
    )
    with write_turn():
        RecordingText.objects.bulk_create([row], ignore_conflicts=True)


def _file(place: Place) -> RecordingFile | None:
    return RecordingFile.objects.filter(project_id=place.project_id, sha256=place.sha256).first()
