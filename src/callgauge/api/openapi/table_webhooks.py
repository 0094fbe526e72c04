"""Webhooks that are sent."""

from __future__ import annotations

from callgauge.api import webhooks
from callgauge.api.openapi.kinds import (
    ANY,
    ID,
    PROJECT,
    TEXT,
    TIME,
    WHOLE,
    Operation,
    Operations,
    Query,
    in_pages,
    maybe,
    obj,
    one_of,
    ref,
    several,
)
from callgauge.flow.webhooks.deliveries import STATES
from callgauge.store.models import WebhookEvent

_STATE = one_of(*STATES)
_EVENT = one_of(*WebhookEvent.values)
_LINE = {
    "id": TEXT,
    "event": _EVENT,
    "state": _STATE,
    "project": ID,
    "agent": maybe(ID),
    "call_log": maybe(ID),
    "call_id": maybe(TEXT),
    "attempts": WHOLE,
    "url": maybe(TEXT),
    "response_status": maybe(WHOLE),
    "error": maybe(TEXT),
    "created_at": TIME,
    "next_try_at": maybe(TIME),
    "finished_at": maybe(TIME),
}
_TRY = obj(
    {
        "at": TIME,
        "url": TEXT,
        "status": maybe(WHOLE),
        "error": TEXT,
        "response": TEXT,
        "took_ms": WHOLE,
    }
)
SCHEMAS = {
    "WebhookDelivery": obj(_LINE),
    "WebhookDeliveryDetail": obj({**_LINE, "tries": several(_TRY), "payload": ANY}),
}
OPERATIONS: Operations = {
    ("DeliveryList", "GET"): in_pages(
        ref("WebhookDelivery"),
        "Webhooks that were sent or wait for it, the newest first.",
        PROJECT,
        Query("agent_id", ID),
        Query("state", _STATE),
        Query("event", _EVENT),
        Query("call_id"),
    ),
    ("DeliveryItem", "GET"): Operation(
        summary="A webhook with its tries and what it holds.", answer=ref("WebhookDeliveryDetail")
    ),
    ("DeliveryReplay", "POST"): Operation(
        summary="Send a webhook again, under its id.", answer=ref("WebhookDelivery")
    ),
    ("DeadReplay", "POST"): Operation(
        summary="Send again what was given up.", body=webhooks.ReplayShape, answer=obj({"replayed": WHOLE})
    ),
    ("WebhookTest", "POST"): Operation(
        summary="Send a test event, once.",
        body=webhooks.TestShape,
        answer=ref("WebhookDelivery"),
        status=201,
    ),
    ("ProjectWebhookTest", "POST"): Operation(
        summary="Send a test event to a project's address, once.",
        answer=ref("WebhookDelivery"),
        status=201,
    ),
}
