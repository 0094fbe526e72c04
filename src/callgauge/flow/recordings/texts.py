"""What speech to text heard in a recording: kept per file and model, so that it is paid once."""

from __future__ import annotations

from dataclasses import dataclass

from callgauge.domain.storable import storable_text
from callgauge.flow.recordings.files import Place
from callgauge.store.models import RecordingFile, RecordingText
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


def keep_piece(place: Place, model: str, piece: Piece) -> None:
    """Where another process was faster its text stays. Nothing is kept of a file that is gone by now."""
    file = RecordingFile.objects.filter(project_id=place.project_id, sha256=place.sha256).first()
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
