"""OpenAI's batch API: a file of requests goes up, a batch is made of it, a file of replies comes down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson

from callgauge.domain.judging import JudgeRequest
from callgauge.judge.adapter import field_of
from callgauge.judge.batch import (
    CLOCKS_DIFFER_SECS,
    BatchHttp,
    BatchState,
    BatchUnavailable,
    BatchUnsure,
    Line,
)
from callgauge.judge.client import HttpJudge

_TAIL = "/chat/completions"
_ENDPOINT = "/v1/chat/completions"
"""Named in each line of the file, whatever address the API has."""
_UID = "callgauge_batch"
_PAGE = 100
_MAX_PAGES = 100
_ENDED = frozenset({"completed", "expired", "cancelled"})
_CROWDED = "token_limit_exceeded"
"""OpenAI's word for more tokens queued than the organization may have at once."""


def open_batches(judge: HttpJudge) -> OpenAIBatches | None:
    """None on Azure, whose batches have addresses and deployments of their own."""
    host = urlsplit(judge.adapter.url).hostname or ""
    return None if host.endswith(".azure.com") else OpenAIBatches(judge)


class OpenAIBatches(BatchHttp):
    max_items = 50_000
    max_bytes = 100_000_000
    """Half of OpenAI's 200 MB: the file is held in memory while it goes up."""

    def __init__(self, judge: HttpJudge) -> None:
        super().__init__(judge, _TAIL)

    async def submit(self, uid: str, items: Sequence[tuple[str, JudgeRequest]]) -> str:
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        lines = b"".join(self._line(key, request) for key, request in items)
        form.add_field("file", lines, filename=f"callgauge-{uid}.jsonl", content_type="application/jsonl")
        payload = form()
        headers = {"Content-Type": payload.headers["Content-Type"]}
        file = await self.send("POST", "/files", payload, headers=headers)
        if not isinstance(file.get("id"), str):
            raise BatchUnavailable(f"{self.judge.model}: the uploaded file got no id")
        wanted = {
            "input_file_id": file["id"],
            "endpoint": _ENDPOINT,
            "completion_window": "24h",
            "metadata": {_UID: uid},
        }
        batch = await self.send("POST", "/batches", orjson.dumps(wanted), makes=True)
        if not isinstance(batch.get("id"), str):
            raise BatchUnsure(f"{self.judge.model}: the batch got no id")
        return str(batch["id"])

    async def find(
        self, uid: str, since: float, keys: Collection[str], others: Collection[str]
    ) -> str | None:
        after = ""
        for _ in range(_MAX_PAGES):
            query = urlencode({"limit": _PAGE, **({"after": after} if after else {})})
            page = await self.send("GET", f"/batches?{query}")
            batches = page.get("data") or []
            for batch in batches:
                if field_of(batch, "metadata", _UID) == uid and batch.get("status") != "failed":
                    return str(batch["id"])
            oldest = field_of(batches[-1], "created_at") if batches else None
            too_old = isinstance(oldest, int | float) and oldest < since - CLOCKS_DIFFER_SECS
            if not batches or not page.get("has_more") or too_old:
                return None
            after = str(field_of(batches[-1], "id"))
        raise BatchUnavailable(f"{self.judge.model}: the list of batches has no end")

    async def look(self, batch_id: str) -> BatchState:
        batch = await self.send("GET", f"/batches/{batch_id}")
        if batch.get("status") in _ENDED:
            return BatchState.ENDED
        if batch.get("status") != "failed":
            return BatchState.RUNNING
        errors = field_of(batch, "errors", "data") or ()
        codes = {field_of(error, "code") for error in errors}
        return BatchState.CROWDED if _CROWDED in codes else BatchState.FAILED

    async def lines(self, batch_id: str) -> AsyncIterator[Line]:
        batch = await self.send("GET", f"/batches/{batch_id}")
        for name in ("output_file_id", "error_file_id"):
            if isinstance(file_id := batch.get(name), str) and file_id:
                async for document in self.json_lines(f"/files/{file_id}/content"):
                    yield _read_line(document)

    async def cancel(self, batch_id: str) -> None:
        await self.send("POST", f"/batches/{batch_id}/cancel")

    def _line(self, key: str, request: JudgeRequest) -> bytes:
        head = orjson.dumps({"custom_id": key, "method": "POST", "url": _ENDPOINT})
        return head[:-1] + b',"body":' + self.body(request) + b"}\n"


def _read_line(document: Mapping[str, Any]) -> Line:
    reply = field_of(document, "response", "body")
    good = field_of(document, "response", "status_code") == 200 and isinstance(reply, Mapping)
    return Line(str(document.get("custom_id")), reply if good else None)
