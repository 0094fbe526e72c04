"""The fake server's batches, in the shapes of OpenAI's and Anthropic's public API documentation.

No real provider was recorded. A batch moves on each time that somebody looks at it, not with time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from aiohttp import web

from callgauge.judge.fake_dialects import ANTHROPIC, OPENAI, Dialect

Fate = Literal["done", "error", "left"]
FATES: tuple[Fate, ...] = ("done", "error", "left")
Reply = Callable[[Mapping[str, Any], Dialect, bool], Mapping[str, Any]]
"""The reply to one question; the flag asks for one of a wrong shape."""
_SOME_TIME = "2026-01-01T00:00:00Z"
_LATER = "2026-01-02T00:00:00Z"


@dataclass(slots=True)
class BatchPlan:
    """What becomes of batches; may be changed between requests."""

    looks: int = 1
    """A batch has ended when it has been looked at so often."""
    expires_after: int | None = None
    """Questions that are answered before the batch expires; None: it does not expire."""
    error_every: int = 0
    """Every so-manieth question ends in an error; 0: none."""
    misshape_every: int = 0
    """Every so-manieth answer has a wrong shape; 0: none."""
    refuse_status: int = 0
    """Making a batch is answered with this status and makes none."""
    lose_replies: int = 0
    """So many batches are made, but the reply to their making is an error 500."""
    fail_code: str = ""
    """A batch of OpenAI's fails at once with this error code."""


@dataclass(slots=True)
class _Batch:
    id: str
    dialect: Dialect
    questions: dict[str, Mapping[str, Any]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    input_file_id: str = ""
    looked: int = 0
    cancelled: bool = False
    fail_code: str = ""
    results: dict[str, bytes] = field(default_factory=dict)
    """JSON Lines by the name of OpenAI's file, all in `output` for Anthropic."""
    counts: dict[Fate, int] = field(default_factory=dict)
    ended: bool = False
    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


class FakeBatches:
    def __init__(self, reply: Reply) -> None:
        self.plan = BatchPlan()
        self.made: list[_Batch] = []
        self._reply = reply
        self._files: dict[str, bytes] = {}
        self._ids = itertools.count(1)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{file}/content", self._content),
            web.post("/v1/batches", self._make_openai),
            web.get("/v1/batches", self._list_openai),
            web.get("/v1/batches/{batch}", self._look_openai),
            web.post("/v1/batches/{batch}/cancel", self._cancel_openai),
            web.post("/v1/messages/batches", self._make_anthropic),
            web.get("/v1/messages/batches", self._list_anthropic),
            web.get("/v1/messages/batches/{batch}", self._look_anthropic),
            web.get("/v1/messages/batches/{batch}/results", self._results_anthropic),
            web.post("/v1/messages/batches/{batch}/cancel", self._cancel_anthropic),
        ]

    # --- OpenAI ----------------------------------------------------------------------------------------

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        if form["purpose"] != "batch" or not isinstance(file, web.FileField):
            return _json(OPENAI.refuse(400, "the fake server wants a file for batches"), 400)
        content = file.file.read()
        name = f"file-fake{next(self._ids)}"
        self._files[name] = content
        return _json(
            {
                "id": name,
                "object": "file",
                "bytes": len(content),
                "created_at": 0,
                "filename": file.filename,
                "purpose": "batch",
            }
        )

    async def _content(self, request: web.Request) -> web.Response:
        content = self._files.get(request.match_info["file"])
        if content is None:
            return _json(OPENAI.refuse(404, "no such file"), 404)
        return web.Response(body=content, content_type="application/octet-stream")

    async def _make_openai(self, request: web.Request) -> web.Response:
        wanted = orjson.loads(await request.read())
        if self.plan.refuse_status:
            return _json(OPENAI.refuse(self.plan.refuse_status, "no batches here"), self.plan.refuse_status)
        lines = [orjson.loads(line) for line in self._files[wanted["input_file_id"]].splitlines()]
        batch = _Batch(
            f"batch_fake{next(self._ids)}",
            OPENAI,
            {line["custom_id"]: line["body"] for line in lines},
            metadata=wanted.get("metadata") or {},
            input_file_id=wanted["input_file_id"],
            fail_code=self.plan.fail_code,
        )
        return self._made(batch, _openai(batch))

    async def _list_openai(self, request: web.Request) -> web.Response:
        newest_first = list(reversed(self.made))
        after = request.query.get("after")
        start = 1 + [batch.id for batch in newest_first].index(after) if after else 0
        page = newest_first[start : start + int(request.query.get("limit", "20"))]
        more = start + len(page) < len(newest_first)
        return _json({"object": "list", "data": [_openai(batch) for batch in page], "has_more": more})

    async def _look_openai(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if batch is None:
            return _json(OPENAI.refuse(404, "no such batch"), 404)
        self._move_on(batch)
        for name, content in batch.results.items():
            self._files[f"file-{name}-{batch.id}"] = content
        return _json(_openai(batch))

    async def _cancel_openai(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if batch is None:
            return _json(OPENAI.refuse(404, "no such batch"), 404)
        batch.cancelled = True
        return _json(_openai(batch))

    # --- Anthropic -------------------------------------------------------------------------------------

    async def _make_anthropic(self, request: web.Request) -> web.Response:
        wanted = orjson.loads(await request.read())
        if self.plan.refuse_status:
            words = ANTHROPIC.refuse(self.plan.refuse_status, "no batches here")
            return _json(words, self.plan.refuse_status)
        questions = {item["custom_id"]: item["params"] for item in wanted["requests"]}
        batch = _Batch(f"msgbatch_fake{next(self._ids)}", ANTHROPIC, questions)
        return self._made(batch, _anthropic(batch))

    async def _list_anthropic(self, request: web.Request) -> web.Response:
        newest_first = [batch for batch in reversed(self.made) if batch.dialect is ANTHROPIC]
        after = request.query.get("after_id")
        start = 1 + [batch.id for batch in newest_first].index(after) if after else 0
        page = newest_first[start : start + int(request.query.get("limit", "20"))]
        for batch in page:
            self._move_on(batch)
        more = start + len(page) < len(newest_first)
        return _json({"data": [_anthropic(batch) for batch in page], "has_more": more})

    async def _look_anthropic(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if batch is None:
            return _json(ANTHROPIC.refuse(404, "no such batch"), 404)
        self._move_on(batch)
        return _json(_anthropic(batch))

    async def _results_anthropic(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if batch is None or not batch.ended:
            return _json(ANTHROPIC.refuse(404, "no results"), 404)
        return web.Response(body=b"".join(batch.results.values()), content_type="application/x-jsonl")

    async def _cancel_anthropic(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if batch is None:
            return _json(ANTHROPIC.refuse(404, "no such batch"), 404)
        batch.cancelled = True
        return _json(_anthropic(batch))

    # --- both ------------------------------------------------------------------------------------------

    def _made(self, batch: _Batch, document: Mapping[str, Any]) -> web.Response:
        self.made.append(batch)
        if self.plan.lose_replies:
            self.plan.lose_replies -= 1
            return _json(batch.dialect.refuse(500, "a fault of the fake server"), 500)
        return _json(document)

    def _find(self, request: web.Request) -> _Batch | None:
        wanted = request.match_info["batch"]
        return next((batch for batch in self.made if batch.id == wanted), None)

    def _move_on(self, batch: _Batch) -> None:
        batch.looked += 1
        if batch.ended or batch.fail_code or (batch.looked < self.plan.looks and not batch.cancelled):
            return
        fates = self._fates(batch)
        lines: dict[str, list[bytes]] = {"output": [], "error": []}
        # Backwards: the providers promise no order.
        for key, fate in reversed(fates.items()):
            place, line = self._line(batch, key, fate)
            if line is not None:
                lines[place].append(orjson.dumps(line) + b"\n")
        batch.results = {name: b"".join(parts) for name, parts in lines.items() if parts}
        batch.counts = {fate: list(fates.values()).count(fate) for fate in FATES}
        batch.ended = True

    def _fates(self, batch: _Batch) -> dict[str, Fate]:
        limit = len(batch.questions) if self.plan.expires_after is None else self.plan.expires_after
        if batch.cancelled:
            limit = len(batch.questions) // 2
        fates: dict[str, Fate] = {}
        for number, key in enumerate(batch.questions, 1):
            fails = self.plan.error_every and number % self.plan.error_every == 0
            fates[key] = "left" if number > limit else "error" if fails else "done"
        return fates

    def _line(self, batch: _Batch, key: str, fate: Fate) -> tuple[str, dict[str, Any] | None]:
        number = list(batch.questions).index(key) + 1
        odd = bool(self.plan.misshape_every) and number % self.plan.misshape_every == 0
        reply = self._reply(batch.questions[key], batch.dialect, odd) if fate == "done" else None
        if batch.dialect is ANTHROPIC:
            return "output", _anthropic_line(key, fate, reply, batch.cancelled)
        return ("output" if fate == "done" else "error"), _openai_line(key, fate, reply, batch.cancelled)


def _openai(batch: _Batch) -> dict[str, Any]:
    status = "validating" if not batch.looked else "in_progress"
    if batch.fail_code:
        status = "failed"
    elif batch.cancelled:
        status = "cancelled" if batch.ended else "cancelling"
    elif batch.ended:
        status = "expired" if batch.counts["left"] else "completed"
    errors = {"object": "list", "data": [{"code": batch.fail_code, "message": "The fake server says no."}]}
    files = {name: f"file-{name}-{batch.id}" for name in batch.results}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": errors if batch.fail_code else None,
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": status,
        "output_file_id": files.get("output"),
        "error_file_id": files.get("error"),
        "created_at": 4_000_000_000,
        "metadata": dict(batch.metadata),
        "request_counts": {
            "total": len(batch.questions),
            "completed": batch.counts.get("done", 0),
            "failed": batch.counts.get("error", 0),
        },
    }


def _openai_line(key: str, fate: Fate, reply: Mapping[str, Any] | None, cancelled: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"id": f"batch_req_{key[:8]}", "custom_id": key, "response": None, "error": None}
    match fate:
        case "done":
            line["response"] = {"status_code": 200, "request_id": key[:8], "body": reply}
        case "error":
            body = OPENAI.refuse(500, "a fault of the fake server")
            line["response"] = {"status_code": 500, "request_id": key[:8], "body": body}
        case "left":
            code = "batch_cancelled" if cancelled else "batch_expired"
            line["error"] = {"code": code, "message": "This request was not executed."}
    return line


def _anthropic(batch: _Batch) -> dict[str, Any]:
    status = "ended" if batch.ended else "canceling" if batch.cancelled else "in_progress"
    left = batch.counts.get("left", 0)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {
            "processing": 0 if batch.ended else len(batch.questions),
            "succeeded": batch.counts.get("done", 0),
            "errored": batch.counts.get("error", 0),
            "canceled": left if batch.cancelled else 0,
            "expired": 0 if batch.cancelled else left,
        },
        "ended_at": _LATER if batch.ended else None,
        "created_at": batch.made_at,
        "expires_at": _LATER,
        "archived_at": None,
        "cancel_initiated_at": _SOME_TIME if batch.cancelled else None,
        # The results lie elsewhere: a client that follows this to a foreign host fails.
        "results_url": "https://results.invalid/results" if batch.ended else None,
    }


def _anthropic_line(key: str, fate: Fate, reply: Mapping[str, Any] | None, cancelled: bool) -> dict[str, Any]:
    match fate:
        case "done":
            result: dict[str, Any] = {"type": "succeeded", "message": reply}
        case "error":
            result = {"type": "errored", "error": ANTHROPIC.refuse(500, "a fault of the fake server")}
        case "left":
            result = {"type": "canceled" if cancelled else "expired"}
    return {"custom_id": key, "result": result}


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
