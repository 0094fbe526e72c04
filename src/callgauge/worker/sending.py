"""Sending webhooks, a few of each project at once."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from callgauge.domain.options import Options
from callgauge.flow import errands
from callgauge.flow.webhooks import deliveries, outbox
from callgauge.flow.webhooks.outbox import Sending, Tried
from callgauge.outbound import AddressRefused, BadStatus, Limits, Network, Outbound, OutboundError, UrlRefused
from callgauge.store.models import WebhookDelivery
from callgauge.worker.claiming import Claiming

FORGET_SECS = 600.0
PER_PROJECT = 8
"""At once in a server: a receiver that hangs must not keep the webhooks of others waiting."""
CLAIMED_TOGETHER = 32
ANSWER_BYTES = 8 * 1024
GONE = 410
"""The one answer that says: never again."""
FAILED = "The server failed while it sent this; its log says why."


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """The settings of that name."""

    networks: tuple[Network, ...] = ()
    timeout_secs: int = 15
    tries: int = 10
    log_days: int = 30

    @classmethod
    def of(cls, options: Options) -> WebhookOptions:
        return cls(
            options.outbound_networks,
            options.webhook_timeout_secs,
            options.webhook_tries,
            options.webhook_log_days,
        )


DEFAULT_WEBHOOKS = WebhookOptions()


class Webhooks(Claiming[Sending]):
    """Runs beside the chunks of an executor."""

    name = "webhook"
    at_once = 128

    def __init__(self, owner: str, options: WebhookOptions, outbound: Outbound | None = None) -> None:
        super().__init__(owner)
        self._options = options
        self._outbound = Outbound(options.networks) if outbound is None else outbound
        self._busy: Counter[int] = Counter()
        """Under way, by project."""
        self._ready: list[Sending] = []
        """Leased, and begun in a moment."""
        self._forgot = 0.0

    async def stop(self) -> None:
        if self._claiming is not None:
            self._claiming.cancel()
        await self._database.run(self._hand_back_ready)
        await super().stop()
        await self._outbound.close()

    def claim(self) -> Sending | None:
        if time.monotonic() - self._forgot > FORGET_SECS:
            self._forgot = time.monotonic()
            while deliveries.forget_old(self._options.log_days):
                pass
        if not self._ready:
            most = min(CLAIMED_TOGETHER, self.at_once - len(self._tasks))
            busy = dict(self._busy)
            self._ready = outbox.claim(self._owner, most, busy=busy, per_project=PER_PROJECT)
        return self._ready.pop(0) if self._ready else None

    def renew(self, pk: int) -> bool:
        return errands.renew(WebhookDelivery, self._owner, pk)

    def fail(self, pk: int) -> None:
        self._note(Sending(pk, 0), Tried(error=FAILED))

    def hand_back(self, pk: int) -> None:
        errands.hand_back(WebhookDelivery, self._owner, pk)

    def _hand_back_ready(self) -> None:
        while self._ready:
            outbox.hand_back_untried(self._owner, self._ready.pop().pk)

    def took(self, work: Sending) -> None:
        self._busy[work.project_id] += 1

    async def work(self, work: Sending) -> None:
        try:
            if work.fault:
                tried = Tried(error=work.fault, again=work.fault_passes)
            else:
                tried = await self._send(work)
            await self._database.run(partial(self._note, work, tried))
        finally:
            self._busy[work.project_id] -= 1

    def _note(self, work: Sending, tried: Tried) -> None:
        outbox.ended(self._owner, work, tried, most_tries=self._options.tries)

    async def _send(self, work: Sending) -> Tried:
        began = time.monotonic()
        secs = float(self._options.timeout_secs)
        limits = Limits(ANSWER_BYTES, secs, connect_secs=secs, silence_secs=secs)
        try:
            reply = await self._outbound.post(work.url, work.body, work.headers, limits)
        except OutboundError as error:
            tried = _refused(error)
        else:
            tried = Tried(delivered=True, status=reply.status, response=reply.text)
        return replace(tried, took_ms=round((time.monotonic() - began) * 1000))


def _refused(error: OutboundError) -> Tried:
    if isinstance(error, BadStatus):
        return Tried(
            status=error.status,
            error=f"The receiver answered {error.status}.",
            response=error.text,
            again=error.status != GONE,
            wait_secs=error.retry_after_secs,
        )
    return Tried(error=str(error), again=not isinstance(error, (AddressRefused, UrlRefused)))
