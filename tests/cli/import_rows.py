"""Rows as people have them in files, and the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TURNS = [
    {"role": "Main Agent", "content": "Good morning.", "start_time": 0.0, "end_time": 1.5},
    {"role": "Testing Agent", "content": "A table, please.", "start_time": 2.0, "end_time": 3.5},
]


def row(call_id: str | None = "c-1", **fields: Any) -> dict[str, Any]:
    body = {"transcript_json": TURNS, **fields}
    return body if call_id is None else {"call_id": call_id, **body}


def write(path: Path, *rows: Any, end: str = "\n") -> Path:
    path.write_bytes("".join(json.dumps(one) + end for one in rows).encode())
    return path
