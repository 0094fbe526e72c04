"""Anthropic's message batches. A batch carries no mark of ours: one whose id was lost cannot be found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from callgauge.domain.judging import JudgeRequest
from callgauge.judge.adapter import field_of
from callgauge.judge.batch import BatchHttp, BatchState, BatchUnsure, Line
from callgauge.judge.client import HttpJudge

_PATH = "/messages/batches"


def open_batches(judge: HttpJudge) -> AnthropicBatches:
    return AnthropicBatches(judge)


class AnthropicBatches(BatchHttp):
    finds = False
    max_items = 100_000
    max_bytes = 100_000_000
    """Less than half of Anthropic's 256 MB: the body is held in memory while it goes up."""

    def __init__(self, judge: HttpJudge) -> None:
        super().__init__(judge, "/messages")

    async def submit(self, uid: str, items: Sequence[tuple[str, JudgeRequest]]) -> str:
        requests = b",".join(self._item(key, request) for key, request in items)
        batch = await self.send("POST", _PATH, b'{"requests":[' + requests + b"]}", makes=True)
        if not isinstance(batch.get("id"), str):
            raise BatchUnsure(f"{self.judge.model}: the batch got no id")
        return str(batch["id"])

    async def find(self, uid: str, since: float) -> str | None:
        return None

    async def look(self, batch_id: str) -> BatchState:
        batch = await self.send("GET", f"{_PATH}/{batch_id}")
        return BatchState.ENDED if batch.get("processing_status") == "ended" else BatchState.RUNNING

    async def lines(self, batch_id: str) -> AsyncIterator[Line]:
        # Not `results_url`: the key goes to the address that the operator set, and nowhere else.
        async for document in self.json_lines(f"{_PATH}/{batch_id}/results"):
            yield _read_line(document)

    async def cancel(self, batch_id: str) -> None:
        await self.send("POST", f"{_PATH}/{batch_id}/cancel")

    def _item(self, key: str, request: JudgeRequest) -> bytes:
        return b'{"custom_id":' + orjson.dumps(key) + b',"params":' + self.body(request) + b"}"


def _read_line(document: Mapping[str, Any]) -> Line:
    reply = field_of(document, "result", "message")
    good = field_of(document, "result", "type") == "succeeded" and isinstance(reply, Mapping)
    return Line(str(document.get("custom_id")), reply if good else None)
