"""Anthropic's message batches. A batch carries no mark of ours, but its results name our questions: one whose
id was lost is known again once it has ended."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from callgauge.domain.judging import JudgeRequest
from callgauge.judge.adapter import count_of, field_of
from callgauge.judge.batch import (
    CLOCKS_DIFFER_SECS,
    BatchHttp,
    BatchState,
    BatchUnavailable,
    BatchUnsure,
    Line,
)
from callgauge.judge.client import HttpJudge

_PATH = "/messages/batches"
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_PAGE = 100
_MAX_PAGES = 100


def open_batches(judge: HttpJudge) -> AnthropicBatches:
    return AnthropicBatches(judge)


class AnthropicBatches(BatchHttp):
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

    async def find(
        self, uid: str, since: float, keys: Collection[str], others: Collection[str]
    ) -> str | None:
        running = False
        for batch_id, batch in await self._made_since(since):
            questions = sum(count_of(batch, "request_counts", name) for name in _COUNTS)
            if batch_id in others or not 0 < questions <= len(keys):
                continue
            if batch.get("processing_status") != "ended":
                running = True
            elif await self._first_key(batch_id) in keys:
                return batch_id
        if running:
            raise BatchUnavailable(f"{self.judge.model}: a batch that may be this one has not ended yet")
        return None

    async def _made_since(self, since: float) -> list[tuple[str, Mapping[str, Any]]]:
        """The newest first."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        after = ""
        for _ in range(_MAX_PAGES):
            query = urlencode({"limit": _PAGE, **({"after_id": after} if after else {})})
            page = await self.send("GET", f"{_PATH}?{query}")
            batches = [batch for batch in page.get("data") or () if isinstance(batch, Mapping)]
            for batch in batches:
                if _unix(batch.get("created_at")) < since - CLOCKS_DIFFER_SECS:
                    return found
                found.append((str(batch.get("id")), batch))
            if not batches or not page.get("has_more"):
                return found
            after = found[-1][0]
        raise BatchUnavailable(f"{self.judge.model}: the list of batches has no end")

    async def _first_key(self, batch_id: str) -> str:
        """A batch is all ours or not at all, so one of its questions tells."""
        async with aclosing(self.lines(batch_id)) as lines:
            async for line in lines:
                return line.key
        return ""

    async def look(self, batch_id: str) -> BatchState:
        batch = await self.send("GET", f"{_PATH}/{batch_id}")
        return BatchState.ENDED if batch.get("processing_status") == "ended" else BatchState.RUNNING

    async def lines(self, batch_id: str) -> AsyncGenerator[Line]:
        # Not `results_url`: the key goes to the address that the operator set, and nowhere else.
        async for document in self.json_lines(f"{_PATH}/{batch_id}/results"):
            yield _read_line(document)

    async def cancel(self, batch_id: str) -> None:
        await self.send("POST", f"{_PATH}/{batch_id}/cancel")

    def _item(self, key: str, request: JudgeRequest) -> bytes:
        return b'{"custom_id":' + orjson.dumps(key) + b',"params":' + self.body(request) + b"}"


def _unix(moment: Any) -> float:
    """Seconds of an RFC 3339 text; the present for what is none, so that it is looked at."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (TypeError, ValueError):
        return time.time()


def _read_line(document: Mapping[str, Any]) -> Line:
    reply = field_of(document, "result", "message")
    good = field_of(document, "result", "type") == "succeeded" and isinstance(reply, Mapping)
    return Line(str(document.get("custom_id")), reply if good else None)
