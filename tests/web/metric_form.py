"""A page as text, and the editor's form as a browser sends it."""

from __future__ import annotations

from typing import Any

from callgauge.store.models import Metric
from tests.people import SignedIn


def read(who: SignedIn, path: str, **query: Any) -> str:
    answer = who.client.get(path, query)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


def form(metric: Metric | None = None, **fields: Any) -> dict[str, Any]:
    """As a browser sends the editor's form."""
    sent: dict[str, Any] = {
        "type": "llm_judge",
        "name": "Confirms",
        "eval_type": "binary",
        "description": "Did the agent confirm?\r\nNot applicable where nothing was agreed.",
        "evaluation_trigger": "always",
        "trigger_type": "llm_judge",
        "every_agent": "1",
        "repeats": "1",
    }
    if metric is not None:
        sent |= {"metric": metric.pk, "read": metric.current_version_id}
    return sent | fields
