"""What a request says of an agent, in the flat names of v1 and the nested ones of v2.

Both become one flat mapping in v1's names; `parts` parts it into what has a column and what is
kept as it is. Secrets are taken out into `secrets` (see agents_secrets).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rest_framework import serializers

from callgauge.api.agents_auth import AUTH, auth_parts
from callgauge.api.agents_secrets import MAX_SECRET, Secrets, secrets_in, without_secrets
from callgauge.api.fields import (
    Choice,
    Flag,
    JSONValue,
    Name,
    Number,
    RowId,
    Shape,
    Text,
    WebhookUrl,
    Whole,
    json_fault,
)
from callgauge.api.parsers import decode_json
from callgauge.domain.agents import LANGUAGES, PHONE_PROVIDERS, SECRETS, key_name
from callgauge.flow.errors import Invalid
from callgauge.flow.redaction import fields_in

CHAT_ONLY = ["sms", "whatsapp", "agentforce", "sierra"]
"""v1 names these as providers; v2 calls the provider custom and names them as the kind of chat."""
V1_PROVIDERS = [*PHONE_PROVIDERS, "self_hosted", "vocera", *CHAT_ONLY, ""]
V2_PROVIDERS = [*PHONE_PROVIDERS, "custom", ""]
TRANSCRIPT_PROVIDERS = [*PHONE_PROVIDERS, "custom", ""]
CHATS = [
    *["retell", "bland", "vapi", "elevenlabs", "livekit", "agora", "self_hosted", "amazon_connect", "koreai"],
    *CHAT_ONLY,
    "",
]

DATA_OF = [
    *("bland", "livekit", "pipecat", "koreai", "genesys", "agentforce", "sierra", "amazon_connect"),
    *("custom_provider", "vapi", "retell", "elevenlabs", "agora", "synthflow"),
]
"""Providers with a `<name>_data` field in v1: the settings of the connection without its secrets."""

COLUMNS = {
    "agent_name": "name",
    "assistant_id": "assistant_id",
    "contact_number": "contact_number",
    "inbound": "inbound",
    "description": "description",
    "language": "language",
}
"""Flat names of the wire, and the columns they are stored in."""

KEPT: Mapping[str, Any] = {
    "chat_assistant_id": "",
    "websocket_url": None,
    "llm_system_prompt": "",
    "llm_model": "gpt-4o",
    "llm_temperature": 0.0,
    "llm_max_tokens": 4096,
    "outbound_auto_call": False,
    "sip_endpoint": None,
    "websocket_voice_url": None,
    "transcript_provider": "",
    "assistant_provider": "",
    **{f"{name}_data": {} for name in DATA_OF},
    "dropoff_nodes": [],
    "topic_nodes": [],
    "pronunciation_words": None,
    "spelling_word_types": None,
    "auto_update_dropoff_nodes": False,
    "auto_update_topic_nodes": False,
    "outbound_numbers": [],
    "auto_fetch_calls_enabled": False,
    "auto_sync_prompt_enabled": False,
    "agent_gives_first_message": None,
    "webhook_url": "",
    "email_id": None,
    "chat_type": "",
    "chat_config": {},
    "send_post_conversation_metadata": None,
    "mock_tools_enabled": False,
    "dynamic_variables": [],
    **AUTH,
    "redact_fields": [],
}
"""What is kept and given back, with what is shown until somebody sets it. Nothing acts on most of it."""


class AgentShape(Shape):
    """v1: flat."""

    project = RowId()
    agent_name = Name()
    contact_number = Text(30)
    inbound = Flag(allow_null=True)
    description = Text()
    language = Choice(list(LANGUAGES), required=False)
    assistant_id = Text(255, trim_whitespace=True)
    chat_assistant_id = Text(255)
    websocket_url = Text(2_000)
    llm_system_prompt = Text()
    llm_model = Text(255)
    llm_temperature = Number()
    llm_max_tokens = Whole(minimum=0)
    outbound_auto_call = Flag()
    sip_endpoint = Text(255)
    websocket_voice_url = Text(255)
    transcript_provider = Choice(TRANSCRIPT_PROVIDERS, required=False, allow_blank=True)
    assistant_provider = Choice(V1_PROVIDERS, required=False, allow_blank=True)
    dropoff_nodes = JSONValue()
    topic_nodes = JSONValue()
    pronunciation_words = JSONValue()
    spelling_word_types = JSONValue()
    auto_update_dropoff_nodes = Flag()
    auto_update_topic_nodes = Flag()
    outbound_numbers = JSONValue()
    auto_fetch_calls_enabled = Flag()
    auto_sync_prompt_enabled = Flag()
    agent_gives_first_message = Flag(allow_null=True)
    webhook_url = WebhookUrl()
    email_id = serializers.EmailField(required=False, allow_null=True, allow_blank=True, max_length=254)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        fields.update({name: JSONValue() for name in (*AUTH, *(f"{one}_data" for one in DATA_OF))})
        fields.update({name: Text(MAX_SECRET, write_only=True) for name in SECRETS})
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        secrets: Secrets = {name: attrs.pop(name) for name in SECRETS if name in attrs}
        for name in [f"{provider}_data" for provider in DATA_OF]:
            if name in attrs:
                said = _connection(attrs[name], name)
                secrets |= secrets_in(said, name)
                attrs[name] = without_secrets(said)
        return {**attrs, "secrets": secrets}


class TelephonyShape(Shape):
    phone_number = Text(255)
    inbound = Flag()
    sip_uri = Text(255)
    sip_auth = JSONValue()
    websocket_url = Text(255)
    websocket_auth = JSONValue()
    outbound_numbers = JSONValue(list)


class CredentialsShape(Shape):
    api_key = Text(MAX_SECRET, write_only=True)
    config = JSONValue(dict)


class ChatShape(Shape):
    type = Choice(CHATS, required=False, allow_blank=True)
    config = JSONValue(dict)


class ProviderShape(Shape):
    type = Choice(V2_PROVIDERS, required=False, allow_blank=True)
    agent_id = Text(255, trim_whitespace=True)
    credentials = CredentialsShape(required=False, allow_null=True)
    chat_agent_details = ChatShape(required=False, allow_null=True)
    auto_dial_outbound = Flag(allow_null=True)
    auto_import_calls = Flag(allow_null=True)
    auto_sync_prompt = Flag(allow_null=True)
    send_post_conversation_metadata = Flag(allow_null=True)
    redact_fields = JSONValue(list)
    configure_from_provider = Flag()

    def validate_redact_fields(self, value: Any) -> list[str]:
        try:
            return [str(field) for field in fields_in([] if value is None else value)]
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def validate_configure_from_provider(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError("Reading an agent from its provider is not supported yet.")
        return value


class VariableShape(Shape):
    name = Name()
    description = Text()


class AgentV2Shape(AgentShape):
    """v2: nested. The flat names of v1 are read too; where both are sent, the nested one counts."""

    name = Name(required=False)
    agent_name = Name(required=False)
    telephony = TelephonyShape(required=False, allow_null=True)
    provider = ProviderShape(required=False, allow_null=True)
    agent_speaks_first = Flag(allow_null=True)
    mock_tools_enabled = Flag()
    dynamic_variables = VariableShape(many=True, required=False)
    mock_tools = JSONValue(list)
    knowledge_base_files = JSONValue(list)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if not self.partial and "name" not in attrs and "agent_name" not in attrs:
            raise serializers.ValidationError({"name": "This field is required."})
        for name in ("mock_tools", "knowledge_base_files"):
            if attrs.get(name):
                raise serializers.ValidationError({name: "This is not supported yet; leave it out or empty."})
        return attrs


def flat_from_v2(said: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """v2's nested fields in v1's names. `before` is what is kept of the agent so far."""
    flat = {name: value for name, value in said.items() if name in COLUMNS or name in KEPT}
    flat["secrets"] = dict(said.get("secrets", {}))
    flat |= _renamed(said, {"name": "agent_name", "agent_speaks_first": "agent_gives_first_message"})
    flat |= _renamed(
        said.get("telephony") or {},
        {
            "phone_number": "contact_number",
            "inbound": "inbound",
            "sip_uri": "sip_endpoint",
            "sip_auth": "sip_auth",
            "websocket_url": "websocket_voice_url",
            "websocket_auth": "websocket_auth",
            "outbound_numbers": "outbound_numbers",
        },
    )
    if "dynamic_variables" in said:
        flat["dynamic_variables"] = _numbered(said["dynamic_variables"], before.get("dynamic_variables", []))
    provider = _flat_provider(said.get("provider") or {}, {**before, **flat})
    secrets = flat["secrets"] | provider.pop("secrets")
    return {**flat, **provider, "secrets": secrets}


def _flat_provider(provider: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    flat = _renamed(
        provider,
        {
            "agent_id": "assistant_id",
            "auto_dial_outbound": "outbound_auto_call",
            "auto_import_calls": "auto_fetch_calls_enabled",
            "auto_sync_prompt": "auto_sync_prompt_enabled",
            "send_post_conversation_metadata": "send_post_conversation_metadata",
            "redact_fields": "redact_fields",
        },
    )
    for name in ("outbound_auto_call", "auto_fetch_calls_enabled", "auto_sync_prompt_enabled"):
        if name in flat:
            flat[name] = bool(flat[name])
    secrets: Secrets = {}
    chat = provider.get("chat_agent_details") or {}
    if "type" in chat:
        flat["chat_type"] = chat["type"]
    if "config" in chat:
        secrets |= secrets_in(chat["config"] or {}, "chat_config")
        config = without_secrets(chat["config"] or {})
        flat["chat_assistant_id"] = str(config.pop("agent_id", ""))[:255]
        flat["websocket_url"] = str(config.pop("url", ""))[:2_000]
        flat["chat_config"] = config
    if "type" in provider:
        flat["assistant_provider"] = _v1_provider(provider["type"], flat.get("chat_type", ""))
    credentials = provider.get("credentials") or {}
    v1_name = flat.get("assistant_provider", before.get("assistant_provider", ""))
    if "api_key" in credentials:
        secrets[key_name(v1_name)] = credentials["api_key"]
    if "config" in credentials:
        secrets |= secrets_in(credentials["config"] or {}, data_field(v1_name))
        flat[data_field(v1_name)] = without_secrets(credentials["config"] or {})
    return {**flat, "secrets": secrets}


def _v1_provider(name: str, chat: str) -> str:
    if name != "custom":
        return name
    return chat if chat in CHAT_ONLY else "self_hosted"


def data_field(assistant_provider: str) -> str:
    """The v1 field that holds the connection's settings of a provider."""
    known = assistant_provider in DATA_OF
    return f"{assistant_provider}_data" if known else "custom_provider_data"


def parts(
    flat: Mapping[str, Any], sealed: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], Secrets]:
    """What has a column, what is kept as it is, and secrets. `sealed` has the names of those that are there.
    Raises Invalid."""
    shown, secrets = auth_parts(flat, sealed)
    columns = {column: flat[name] for name, column in COLUMNS.items() if name in flat}
    return columns, {name: flat[name] for name in KEPT if name in flat} | shown, flat["secrets"] | secrets


def _connection(value: Any, name: str) -> dict[str, Any]:
    """A `<provider>_data` field, which v1 shows as JSON text and takes as text or as an object."""
    if isinstance(value, str):
        try:
            value = decode_json(value) if value.strip() else {}
        except ValueError:
            value = None
        value = None if json_fault(value) else value
    elif value is None:
        value = {}
    if not isinstance(value, dict):
        raise serializers.ValidationError({name: "Expected an object."})
    return value


def _renamed(said: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: said[theirs] for theirs, ours in names.items() if theirs in said}


def _numbered(variables: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Dynamic variables with ids; one that keeps its name keeps its id."""
    ids = {variable["name"]: variable["id"] for variable in before}
    highest = max(ids.values(), default=0)
    if len({variable["name"] for variable in variables}) < len(variables):
        raise Invalid.field("dynamic_variables", "Each name may stand here once.")
    numbered = []
    for variable in variables:
        if variable["name"] not in ids:
            highest += 1
            ids[variable["name"]] = highest
        name = variable["name"]
        numbered.append({"id": ids[name], "name": name, "description": variable.get("description", "")})
    return numbered
