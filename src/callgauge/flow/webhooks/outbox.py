"""The way out: a delivery is leased, made into a request, tried, and tried again later where that failed.

It is sent at least once. Whoever dies between sending and noting it leaves a lease that runs out; the next
sends the same delivery, under the same id.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow import errands
from callgauge.flow.errors import FlowError
from callgauge.flow.presenting.calls import present_details
from callgauge.flow.presenting.json import dump
from callgauge.flow.webhooks.receivers import SECRET, Receiver, receiver_of
from callgauge.outbound.signing import signing_headers
from callgauge.store.clock import from_now
from callgauge.store.models import CallLog, ErrandState, WebhookDelivery, WebhookEvent
from callgauge.store.turns import write_turn

log = logging.getLogger(__name__)

FIRST_WAIT_SECS: Final = 5.0
GROWTH: Final = 3.0
LONGEST_WAIT_SECS: Final = 6 * 3600.0
"""Ten tries at these pauses are spread over half a day."""
JITTER: Final = 0.2
"""A pause is longer or shorter by up to this share: what failed together does not come back together."""
KEPT_TRIES: Final = 20
MAX_RESPONSE_CHARS: Final = 1_000
SHORTEST_HIDDEN: Final = 4
"""A shorter secret would blot out half of an answer, and protects nothing."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A leased delivery as a request; with a `fault` it cannot be one."""

    pk: int
    project_id: int
    url: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Not to be seen in what is kept of the answer."""
    fault: str = ""
    fault_passes: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try."""

    delivered: bool = False
    status: int | None = None
    error: str = ""
    response: str = ""
    took_ms: int = 0
    again: bool = True
    """Whether another try may end otherwise."""
    wait_secs: float | None = None
    """What the receiver asked to wait, where it did."""


class NotSendable(Exception):
    """Nothing can be sent, and trying again changes nothing; the message says why."""


def claim(
    owner: str, most: int = 1, *, busy: Mapping[int, int] | None = None, per_project: int = 1_000
) -> list[Sending]:
    """Lease deliveries that are due, those that have waited longest first, and no more of a project than
    `per_project` together with the `busy` ones. The caller is in no transaction."""
    counts = Counter(busy)

    def fair(rows: list[WebhookDelivery]) -> list[WebhookDelivery]:
        chosen = []
        for row in rows:
            if counts[row.project_id] < per_project:
                counts[row.project_id] += 1
                chosen.append(row)
        return chosen

    full = [project_id for project_id, count in counts.items() if count >= per_project]
    among = Q(due_at__lte=Now()) & ~Q(project_id__in=full)
    with write_turn():
        leased = errands.claim_some(WebhookDelivery, owner, most, among=among, first="due_at", choose=fair)
    ids = [row.pk for row in leased]
    rows = WebhookDelivery.objects.select_related("project", "agent", "call").in_bulk(ids)
    found = [rows[pk] for pk in ids if pk in rows]
    shown = _shown_together(found)
    return [_sending(row, shown) for row in found]


def _shown_together(rows: Sequence[WebhookDelivery]) -> Mapping[int, dict[str, Any]]:
    """The calls as they are shown, by id, in as many queries as for one. A call that cannot be shown must
    not keep the others back: each is then tried alone."""
    calls = [row.call for row in rows if row.event == WebhookEvent.COMPLETED and row.call is not None]
    try:
        return {call.pk: one for call, one in zip(calls, _show(calls), strict=True)}
    except Exception as error:  # noqa: BLE001 -- told of the one that it belongs to
        log.warning("calls for webhooks cannot be shown together: %s", type(error).__name__)
        return {}


def _show(calls: Sequence[CallLog]) -> list[dict[str, Any]]:
    return present_details(calls, version="v1", base_url=settings.CALLGAUGE.public_url.rstrip("/"))


def _sending(row: WebhookDelivery, shown: Mapping[int, dict[str, Any]]) -> Sending:
    try:
        return _request(row, shown)
    except (NotSendable, FlowError) as error:
        return Sending(row.pk, row.project_id, fault=str(error))
    except Exception as error:
        log.error("webhook delivery %s: %s", row.uid, type(error).__name__, exc_info=error)
        words = "The server could not write what is to be sent; its log says why."
        return Sending(row.pk, row.project_id, fault=words, fault_passes=True)


def _request(row: WebhookDelivery, shown: Mapping[int, dict[str, Any]]) -> Sending:
    """Addressed and signed as the settings are now: whoever mends an address mends what waits for it."""
    receiver = receiver_of(row.project, row.agent)
    if receiver is None:
        raise NotSendable("There is no webhook_url any more.")
    body = payload_of(row, shown)
    headers, secrets = _headers(row, receiver, body)
    return Sending(row.pk, row.project_id, receiver.url, body, headers, secrets)


def _headers(row: WebhookDelivery, receiver: Receiver, body: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    secret, signing = receiver.secret(), receiver.signing_secret()
    if not (secret.isascii() and secret.isprintable()):
        raise NotSendable(f"The {SECRET} cannot be sent in a header: set one of plain letters and digits.")
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "X-Callgauge-Event": row.event,
        **signing_headers(row.uid, int(time.time()), body, signing),
    }
    if secret:
        headers["X-CEKURA-SECRET"] = secret
    hidden = {secret, signing, headers.get("webhook-signature", "")}
    return headers, tuple(sorted((text for text in hidden if len(text) >= SHORTEST_HIDDEN), key=len)[::-1])


def payload_of(row: WebhookDelivery, shown: Mapping[int, dict[str, Any]] | None = None) -> bytes:
    """The body, with what the call holds now and the outcome as it was decided. `shown` has calls that were
    read already."""
    match WebhookEvent(row.event):
        case WebhookEvent.COMPLETED:
            return dump({"event_type": row.event, "data": _call_data(row, shown or {})})
        case WebhookEvent.TEST:
            data = {"project": row.project_id, "agent": row.agent_id, "message": "A test from Callgauge."}
            return dump({"event_type": row.event, "data": data})
        case WebhookEvent.FORWARD_VAPI | WebhookEvent.FORWARD_RETELL:
            return row.facts.encode()


def _call_data(row: WebhookDelivery, shown: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    if row.call is None:
        raise NotSendable("The call has been deleted.")
    data: dict[str, Any] = shown.get(row.call.pk) or _show([row.call])[0]
    data = data | orjson.loads(row.facts)
    if data["voice_recording_url"].startswith("/"):
        data["voice_recording_url"] = ""  # nobody outside can open it while CALLGAUGE_PUBLIC_URL is empty
    data["topic"] = data["topic"] or "{}"
    del data["rubric"]  # the last verdict's, which may be a newer one
    return data


def ended(owner: str, work: Sending, tried: Tried, *, most_tries: int) -> None:
    """Note a try: delivered, due again, or given up. Nothing where another owner has it by now."""
    with write_turn(), transaction.atomic():
        row = errands.held(WebhookDelivery, owner, work.pk).select_for_update().first()
        if row is None:
            return
        tries = [*row.tries, _entry(work, tried)][-KEPT_TRIES:]
        most = 1 if row.event == WebhookEvent.TEST else most_tries
        over = tried.delivered or not tried.again or row.attempts >= most
        if over:
            finished = timezone.now()
            errands.end(
                WebhookDelivery, owner, work.pk, failed=not tried.delivered, tries=tries, finished_at=finished
            )
            return
        wait_secs = max(pause_secs(row.attempts), tried.wait_secs or 0.0)
        errands.held(WebhookDelivery, owner, work.pk).update(
            state=ErrandState.QUEUED,
            owner="",
            lease_until=None,
            tries=tries,
            due_at=from_now(timedelta(seconds=wait_secs)),
        )


def hand_back_untried(owner: str, pk: int) -> None:
    """Leased and never begun: it costs the delivery none of its tries."""
    errands.held(WebhookDelivery, owner, pk).update(
        state=ErrandState.QUEUED, owner="", lease_until=None, attempts=F("attempts") - 1
    )


def pause_secs(attempts: int) -> float:
    """Before the next try, after this many."""
    grown = min(FIRST_WAIT_SECS * GROWTH ** min(attempts - 1, 30), LONGEST_WAIT_SECS)
    return grown * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 -- no secret


def _entry(work: Sending, tried: Tried) -> dict[str, Any]:
    return {
        "at": timezone.now().isoformat(),
        "url": _without_query(work.url),
        "status": tried.status,
        "error": _without(work.secrets, tried.error),
        "response": _without(work.secrets, tried.response)[:MAX_RESPONSE_CHARS],
        "took_ms": tried.took_ms,
    }


def _without(secrets: Collection[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text.replace("\x00", "")


def _without_query(url: str) -> str:
    """Some receivers put a secret there."""
    return urlsplit(url)._replace(query="", fragment="").geturl() if url else ""
