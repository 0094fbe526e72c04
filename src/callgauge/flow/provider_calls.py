"""Finished calls as providers report them by webhook."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from callgauge.domain.storable import is_storable, storable_json, storable_text
from callgauge.flow.call_events import logs_text
from callgauge.flow.deferring import HOLD_SECS
from callgauge.flow.errors import FlowError, Invalid, NotFound
from callgauge.flow.ingest import Ingested, ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.scope import Who, find_agent, find_agent_by_assistant
from callgauge.flow.sealing import Unreadable, unseal
from callgauge.formats import TranscriptError, WebhookCall, webhook_call
from callgauge.formats.signatures import SIGNATURES
from callgauge.store.models import Agent

SECRETS_OF: Mapping[str, tuple[str, ...]] = {
    "elevenlabs": ("elevenlabs_webhook_secret", "elevenlabs_data.webhook_secret"),
    "retell": ("retell_api_key", "retell_data.webhook_secret"),
    "vapi": ("vapi_webhook_secret", "vapi_data.webhook_secret"),
}
"""Where an agent's secrets, or else its project's, have what the provider signs with."""
MAX_CANDIDATES = 20
"""Agents with one assistant id that are tried where a request has a signature and no key."""
ANALYSIS_SECS = 60.0
"""How long a Retell call that has ended is held for its analysis, which brings the recording: measured
before, it would be measured, and paid for, twice."""


class NotSigned(FlowError):
    """The request has no API key, and no signature that fits an agent of this server."""


def take_webhook(
    who: Who | None,
    provider: str,
    body: Any,
    *,
    raw: bytes,
    headers: Mapping[str, str],
    agent_id: str = "",
) -> tuple[WebhookCall, Ingested | None]:
    """Store the call that a webhook reports; None where it reports no finished call.

    `headers` have names in lower case; `raw` is the body as it arrived, which signatures cover. `agent_id`
    is our own id from the address. Raises Invalid, and NotSigned where neither key nor signature is good.
    """
    if who is None and provider not in SIGNATURES:
        raise NotSigned
    try:
        call = webhook_call(provider, body)
    except TranscriptError as error:
        raise Invalid.field(error.field, str(error)) from None
    agent = _signed_agent(provider, call, raw, headers) if who is None else None
    if not call.finished:
        return call, None
    if agent is None:
        assert who is not None
        agent = _agent(who, call, agent_id)
        if _check(agent, provider, raw, headers) is False:
            raise NotSigned
    return call, ingest_call(agent.project, agent, _new_call(call, body))


def _agent(who: Who, call: WebhookCall, agent_id: str) -> Agent:
    """Named by the address, by the tracer, or by the provider's own id of it."""
    for name, value in (("agent_id", agent_id), ("agent_id", call.agent_id)):
        if value:
            try:
                return find_agent(who, value)
            except NotFound:
                raise Invalid.field(name, "This key reaches no such agent.") from None
    if not call.assistant_id:
        raise Invalid.field("agent_id", "The body names no agent: put ?agent_id= behind the address.")
    try:
        return find_agent_by_assistant(who, call.assistant_id)
    except NotFound:
        raise Invalid.field(
            "assistant_id",
            "No agent of this key has the provider's id of this agent. Set it as the agent's assistant_id, "
            "or put ?agent_id= behind the address.",
        ) from None


def _signed_agent(provider: str, call: WebhookCall, raw: bytes, headers: Mapping[str, str]) -> Agent:
    """Without a key: the agent whose secret made the signature. Unknown agents and wrong signatures look
    the same."""
    if provider in SIGNATURES and call.assistant_id and is_storable(call.assistant_id):
        candidates = Agent.objects.select_related("project__organization").filter(
            assistant_id=call.assistant_id[:255]
        )
        for agent in candidates.order_by("pk")[:MAX_CANDIDATES]:
            if _check(agent, provider, raw, headers):
                return agent
    raise NotSigned


def _check(agent: Agent, provider: str, raw: bytes, headers: Mapping[str, str]) -> bool | None:
    """None where nothing can be checked: no secret is set, or the request is not signed."""
    checker = SIGNATURES.get(provider)
    secret = None if checker is None else _secret(agent, provider)
    if checker is None or secret is None:
        return None
    return checker(headers, raw, secret, time.time())


def _secret(agent: Agent, provider: str) -> str | None:
    for sealed in (agent.secrets, agent.project.secrets):
        for name in SECRETS_OF[provider]:
            if name in sealed:
                try:
                    return unseal(sealed[name])
                except Unreadable:
                    return None
    return None


def _new_call(call: WebhookCall, body: Any) -> NewCall:
    """What a provider says is cut to size rather than refused: nobody there reads our answer."""
    if call.defer_evaluation:
        hold_secs: float | None = HOLD_SECS
    else:
        hold_secs = ANALYSIS_SECS if (call.provider, call.event) == ("retell", "call_ended") else None
    return NewCall(
        call_id=_short(call.call_id, 100),
        transcript=call.transcript_json,
        transcript_type=call.provider,
        trace_id=_short(call.trace_id, 32),
        timestamp=call.started_at,
        duration_secs=call.duration_secs,
        call_ended_reason=_short(call.ended_reason, 100),
        customer_number=_short(call.customer_number, 100),
        metadata=_object(call.metadata),
        dynamic_variables=_object(call.dynamic_variables),
        voice_recording_url=_short(call.recording_url, 4096),
        logs=logs_text(call.logs),
        hold_secs=hold_secs,
        source=call.provider,
        webhook=body,
        started_at=call.started_at,
    )


def _short(text: str, limit: int) -> str:
    return storable_text(text.strip())[:limit]


def _object(value: Mapping[str, Any]) -> str:
    try:
        return storable_json(dict(value))
    except ValueError:
        return "{}"
