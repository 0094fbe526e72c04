"""Agents as the contract shows them: flat, nested and short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from callgauge.api.agents_secrets import configured
from callgauge.api.agents_shape import CHAT_ONLY, DATA_OF, KEPT, data_field
from callgauge.store.models import Agent

V2_ONLY = (
    "chat_type",
    "chat_config",
    "send_post_conversation_metadata",
    "mock_tools_enabled",
    "dynamic_variables",
    "redact_fields",
)
NULLABLE = ("websocket_url", "sip_endpoint", "websocket_voice_url", "email_id")


def present_v1(agent: Agent) -> dict[str, Any]:
    """An AIAgent of the contract."""
    kept = {name: agent.settings.get(name, default) for name, default in KEPT.items() if name not in V2_ONLY}
    for name in NULLABLE:
        kept[name] = kept[name] or None
    for name in DATA_OF:
        kept[f"{name}_data"] = orjson.dumps(kept[f"{name}_data"]).decode()
    return {
        "id": agent.pk,
        "project": agent.project_id,
        "agent_name": agent.name,
        "contact_number": agent.contact_number,
        "inbound": bool(agent.inbound),
        "description": agent.description,
        "language": agent.language,
        "assistant_id": agent.assistant_id or None,
        **kept,
        "knowledge_base_files": "",
        **configured(agent),
        "enabled_personalities": [],
        "hallucination_metric_kb_files": [],
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
    }


def present_v2(agent: Agent, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An AIAgentV2 of the contract, with the files of its knowledge base as they are shown."""
    kept = {**KEPT, **agent.settings}
    return {
        "id": agent.pk,
        "name": agent.name,
        "description": agent.description,
        "project": agent.project_id,
        "language": agent.language,
        "telephony": _telephony(agent, kept),
        "provider": _provider(agent, kept),
        "agent_speaks_first": kept["agent_gives_first_message"],
        "knowledge_base_files": list(files),
        "enabled_personalities": [],
        "webhook_url": kept["webhook_url"],
        **{
            name: configured(agent)[name]
            for name in ("webhook_secret_configured", "webhook_signing_secret_configured")
        },
        "mock_tools": [],
        "mock_tools_enabled": kept["mock_tools_enabled"],
        "mock_tools_provider": None,
        "dynamic_variables": kept["dynamic_variables"],
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
        "email_id": kept["email_id"] or None,
    }


def present_short(agent: Agent) -> dict[str, Any]:
    """An AIAgentList of the contract; the project should be loaded."""
    return {
        "id": agent.pk,
        "agent_name": agent.name,
        "project": agent.project_id,
        "organization": agent.project.organization_id,
        "contact_number": agent.contact_number,
        "inbound": agent.inbound,
        "language": agent.language,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
        "agent_gives_first_message": agent.settings.get("agent_gives_first_message"),
    }


def _telephony(agent: Agent, kept: dict[str, Any]) -> dict[str, Any]:
    numbers = kept["outbound_numbers"]
    return {
        "phone_number": agent.contact_number,
        "inbound": bool(agent.inbound),
        "sip_uri": kept["sip_endpoint"] or None,
        "sip_auth": kept["sip_auth"],
        "websocket_url": kept["websocket_voice_url"] or None,
        "websocket_auth": kept["websocket_auth"],
        "outbound_numbers": numbers if isinstance(numbers, list) else [],
    }


def _provider(agent: Agent, kept: dict[str, Any]) -> dict[str, Any]:
    v1_name = kept["assistant_provider"]
    custom = v1_name in {"self_hosted", "vocera", *CHAT_ONLY}
    chat = kept["chat_type"] or (v1_name if v1_name in CHAT_ONLY else "")
    data = kept[data_field(v1_name)]
    return {
        "type": "custom" if custom else v1_name,
        "agent_id": agent.assistant_id or None,
        "credentials": {"config": data} if data else None,
        "chat_agent_details": _chat(chat, kept),
        "chat_provider": chat,
        "auto_dial_outbound": kept["outbound_auto_call"],
        "auto_import_calls": kept["auto_fetch_calls_enabled"],
        "auto_sync_prompt": kept["auto_sync_prompt_enabled"],
        "send_post_conversation_metadata": kept["send_post_conversation_metadata"],
        "redact_fields": kept["redact_fields"],
    }


def _chat(chat: str, kept: dict[str, Any]) -> dict[str, Any] | None:
    named = {"agent_id": kept["chat_assistant_id"], "url": kept["websocket_url"]}
    config = kept["chat_config"] | {name: value for name, value in named.items() if value}
    return {"type": chat, "config": config or None} if chat or config else None
