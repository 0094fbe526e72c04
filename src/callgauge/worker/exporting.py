"""Writing exports, one piece after the other."""

from __future__ import annotations

import time

from callgauge.flow import errands, exports
from callgauge.flow.exports import CALLS_PER_PIECE, ExportWork
from callgauge.store.models import CallExport
from callgauge.worker.claiming import Claiming

FORGET_SECS = 600.0
LOST = "The server stopped every time it worked on this export; see the server's log."
FAILED = "The server failed while it wrote this export; see the server's log."


class Exports(Claiming[ExportWork]):
    """Runs beside the chunks of an executor. What is handed back goes on behind its last piece."""

    name = "export"

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self._forgot = 0.0

    def claim(self) -> ExportWork | None:
        if time.monotonic() - self._forgot > FORGET_SECS:
            self._forgot = time.monotonic()
            exports.forget_exports()
        return exports.claim_export(self._owner)

    def renew(self, pk: int) -> bool:
        return errands.renew(CallExport, self._owner, pk)

    def fail(self, pk: int) -> None:
        exports.end_export(self._owner, pk, FAILED)

    def hand_back(self, pk: int) -> None:
        errands.hand_back(CallExport, self._owner, pk)

    async def work(self, work: ExportWork) -> None:
        if work.give_up:
            await self._database.run(exports.end_export, self._owner, work.pk, LOST)
            return
        # Without calls there is still one piece, for the names of the columns.
        for start in range(0, max(len(work.ids), 1), CALLS_PER_PIECE):
            ids = work.ids[start : start + CALLS_PER_PIECE]
            if not await self._database.run(exports.write_piece, self._owner, work.pk, ids):
                return
        await self._database.run(exports.end_export, self._owner, work.pk)
