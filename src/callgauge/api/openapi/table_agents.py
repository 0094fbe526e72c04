"""Agents, projects, organizations, keys."""

from __future__ import annotations

from callgauge.api import agents_history, agents_shape, organizations, projects
from callgauge.api.openapi.kinds import (
    ANY,
    FLAG,
    ID,
    NUMBER,
    OBJECT,
    PROJECT,
    TEXT,
    TIME,
    WHOLE,
    YES_OR_EMPTY,
    Operation,
    Operations,
    Query,
    Schema,
    in_pages,
    maybe,
    obj,
    one_of,
    paged,
    ref,
    several,
)
from callgauge.domain.agents import SECRETS
from callgauge.pii import Field

PERSON = obj({"id": ID, "role": one_of("owner", "member", "viewer"), "user": OBJECT})
NAMED = obj({"id": ID, "name": TEXT})
V1_DATA = {f"{name}_data": TEXT for name in agents_shape.DATA_OF}
TIMES = {"created_at": TIME, "updated_at": TIME}
AUDIT_ENTRY = obj(
    {
        "id": ID,
        "created_at": TIME,
        "project": maybe(ID),
        "actor": obj(
            {"kind": one_of("key", "user", "link", "command", "server"), "id": maybe(ID), "name": TEXT}
        ),
        "address": TEXT,
        "request_id": TEXT,
        "action": TEXT,
        "object": obj({"type": TEXT, "id": maybe(ID), "name": TEXT}),
        "details": OBJECT,
    }
)
SCHEMAS: dict[str, Schema] = {
    "AIAgent": obj(
        {
            "id": ID,
            "project": ID,
            "agent_name": TEXT,
            "contact_number": TEXT,
            "inbound": FLAG,
            "description": TEXT,
            "language": TEXT,
            "assistant_id": maybe(TEXT),
            "chat_assistant_id": TEXT,
            "websocket_url": maybe(TEXT),
            "websocket_headers": OBJECT,
            "llm_system_prompt": TEXT,
            "llm_model": TEXT,
            "llm_temperature": NUMBER,
            "llm_max_tokens": WHOLE,
            "outbound_auto_call": FLAG,
            "sip_endpoint": maybe(TEXT),
            "sip_auth": ANY,
            "websocket_voice_url": maybe(TEXT),
            "websocket_auth": ANY,
            "knowledge_base_files": TEXT,
            "transcript_provider": TEXT,
            "assistant_provider": TEXT,
            **V1_DATA,
            **{f"{name}_configured": YES_OR_EMPTY for name in SECRETS if name != "agora_api_key"},
            "enabled_personalities": several(ID),
            "hallucination_metric_kb_files": several(ANY),
            "outbound_numbers": ANY,
            "auto_fetch_calls_enabled": FLAG,
            "auto_sync_prompt_enabled": FLAG,
            "agent_gives_first_message": maybe(FLAG),
            "webhook_url": TEXT,
            "email_id": maybe(TEXT),
            **TIMES,
        }
    ),
    "AIAgentV2": obj(
        {
            "id": ID,
            "name": TEXT,
            "description": TEXT,
            "project": ID,
            "language": TEXT,
            "telephony": obj(
                {
                    "phone_number": TEXT,
                    "inbound": FLAG,
                    "sip_uri": maybe(TEXT),
                    "sip_auth": ANY,
                    "websocket_url": maybe(TEXT),
                    "websocket_auth": ANY,
                    "outbound_numbers": several(ANY),
                }
            ),
            "provider": obj(
                {
                    "type": TEXT,
                    "agent_id": maybe(TEXT),
                    "credentials": maybe(OBJECT),
                    "chat_agent_details": maybe(OBJECT),
                    "chat_provider": TEXT,
                    "auto_dial_outbound": maybe(FLAG),
                    "auto_import_calls": maybe(FLAG),
                    "auto_sync_prompt": maybe(FLAG),
                    "send_post_conversation_metadata": maybe(FLAG),
                    "redact_fields": maybe(several(one_of(*Field))),
                }
            ),
            "agent_speaks_first": maybe(FLAG),
            "knowledge_base_files": several(ref("KnowledgeBaseFile")),
            "enabled_personalities": several(ID),
            "webhook_url": TEXT,
            "webhook_secret_configured": YES_OR_EMPTY,
            "webhook_signing_secret_configured": YES_OR_EMPTY,
            "mock_tools": several(OBJECT),
            "mock_tools_enabled": FLAG,
            "mock_tools_provider": maybe(TEXT),
            "dynamic_variables": several(OBJECT),
            "email_id": maybe(TEXT),
            **TIMES,
        }
    ),
    "AIAgentList": obj(
        {
            "id": ID,
            "agent_name": TEXT,
            "project": maybe(ID),
            "organization": ID,
            "contact_number": TEXT,
            "inbound": maybe(FLAG),
            "language": TEXT,
            "agent_gives_first_message": maybe(FLAG),
            **TIMES,
        }
    ),
    "AIAgentHistory": obj(
        {
            "history_id": ID,
            "history_date": TIME,
            "history_type": one_of("+", "~", "-"),
            "history_change_reason": maybe(TEXT),
            "history_user": maybe(OBJECT),
            "version_id": maybe(TEXT),
            "version_name": maybe(TEXT),
            "id": ID,
            "agent_name": TEXT,
            "language": TEXT,
            "description": TEXT,
            "mock_tools": TEXT,
            "dynamic_variables": TEXT,
            "knowledge_base_files": TEXT,
        }
    ),
    "KnowledgeBaseFile": obj(
        {
            "id": ID,
            "agent": ID,
            "file_url": TEXT,
            "file_name": TEXT,
            "file_type": TEXT,
            "file_size": WHOLE,
            **TIMES,
        }
    ),
    "Project": obj(
        {
            "id": ID,
            "name": TEXT,
            "members": several(PERSON),
            "organization": NAMED,
            "sample_rate": NUMBER,
            "rubric_config": OBJECT,
            **dict.fromkeys(projects.SWITCHES, FLAG),
            **dict.fromkeys(projects.NUMBERS, WHOLE),
            **{f"{name}_configured": YES_OR_EMPTY for name in projects.SECRETS},
            "webhook_url": TEXT,
            "timezone": TEXT,
            "is_deleted": FLAG,
            **TIMES,
        }
    ),
    "Organization": obj(
        {
            "id": ID,
            "name": TEXT,
            "members": several(PERSON),
            "projects": several(NAMED),
            "allow_duplicate_call_ids": FLAG,
            "duplicate_calls": TEXT,
            **TIMES,
        }
    ),
    "UserAPIKey": obj(
        {
            "id": ID,
            "name": TEXT,
            "organization_name": TEXT,
            "project": maybe(ID),
            "project_name": maybe(TEXT),
            "role": one_of("owner", "member", "viewer"),
            "key": {"type": "string", "description": "Shown once; later only how it begins."},
            "created_at": TIME,
        }
    ),
}
LISTED = (
    PROJECT,
    Query("organization_id", ID),
    Query("q", TEXT, "In the name; a number also matches the id."),
)


def _agent(view: str, schema: str, shape: type[agents_shape.AgentShape]) -> dict[tuple[str, str], Operation]:
    return {
        (f"{view}List", "GET"): in_pages(ref(schema), "List agents, the newest first.", *LISTED),
        (f"{view}List", "POST"): Operation(
            summary="Make an agent.", body=shape, answer=ref(schema), status=201
        ),
        (f"{view}Detail", "GET"): Operation(summary="Read an agent.", answer=ref(schema)),
        (f"{view}Detail", "PUT"): Operation(summary="Change an agent.", body=shape, answer=ref(schema)),
        (f"{view}Detail", "PATCH"): Operation(
            summary="Change what is named of an agent.", body=shape, answer=ref(schema)
        ),
        (f"{view}Detail", "DELETE"): Operation(
            summary="Delete an agent.", answer=None, status=204, query=(Query("delete_related"),)
        ),
        (f"{view}Duplicate", "POST"): Operation(
            summary="Copy an agent.", body=agents_history.CopyShape, answer=ref(schema), status=201
        ),
    }


OPERATIONS: Operations = {
    **_agent("Agent", "AIAgent", agents_shape.AgentShape),
    **_agent("AgentV2", "AIAgentV2", agents_shape.AgentV2Shape),
    ("AgentShortList", "GET"): in_pages(ref("AIAgentList"), "List agents with few fields.", *LISTED),
    ("AgentHistory", "GET"): in_pages(ref("AIAgentHistory"), "An agent's versions."),
    ("AgentHistoryEdit", "PATCH"): Operation(
        summary="Label a version.", body=agents_history.LabelShape, answer=ref("AIAgentHistory")
    ),
    ("AgentRestore", "POST"): Operation(
        summary="Make an agent what it was.", body=agents_history.RestoreAgentShape, answer=ref("AIAgentV2")
    ),
    ("KnowledgeBase", "GET"): in_pages(ref("KnowledgeBaseFile"), "The files of the knowledge base."),
    ("KnowledgeBaseUpload", "POST"): Operation(
        summary="Add files to the knowledge base.",
        body={
            "type": "object",
            "required": ["files"],
            "properties": {"files": {"type": "array", "items": {"type": "object"}}},
        },
        answer=paged(ref("KnowledgeBaseFile")),
        status=201,
    ),
    ("KnowledgeBaseDelete", "DELETE"): Operation(
        summary="Empty the knowledge base.", answer=obj({"deleted_count": WHOLE})
    ),
    ("KnowledgeBaseItem", "GET"): Operation(summary="A file as it was sent.", answer=None, bare=True),
    ("KnowledgeBaseItem", "DELETE"): Operation(summary="Delete a file.", answer=None, status=204),
    ("ProjectList", "GET"): Operation(
        summary="List projects.",
        answer=several(ref("Project")),
        query=(Query("organization_id"), Query("project_id")),
        action="list",
    ),
    ("ProjectList", "POST"): Operation(
        summary="Make a project.", body=projects.ProjectShape, answer=ref("Project"), status=201
    ),
    ("ProjectDetail", "GET"): Operation(summary="Read a project.", answer=ref("Project")),
    ("ProjectDetail", "PUT"): Operation(
        summary="Change a project.", body=projects.ProjectShape, answer=ref("Project")
    ),
    ("ProjectDetail", "PATCH"): Operation(
        summary="Change what is named of a project.", body=projects.ProjectShape, answer=ref("Project")
    ),
    ("ProjectDetail", "DELETE"): Operation(
        summary="Delete a project with everything in it.", answer=obj({"detail": TEXT})
    ),
    ("OrganizationList", "GET"): Operation(
        summary="The organization of the key.",
        answer=several(ref("Organization")),
        query=(Query("search"),),
        action="list",
    ),
    ("OrganizationItem", "GET"): Operation(summary="Read an organization.", answer=ref("Organization")),
    ("OrganizationItem", "PATCH"): Operation(
        summary="Change an organization.", body=organizations.OrganizationShape, answer=ref("Organization")
    ),
    ("OrganizationPages", "GET"): in_pages(
        ref("Organization"), "The organization of the key.", Query("search")
    ),
    ("KeyList", "GET"): Operation(
        summary="List keys, without their texts.", answer=several(ref("UserAPIKey")), action="list"
    ),
    ("AuditLog", "GET"): in_pages(
        AUDIT_ENTRY,
        "Who changed what, newest first; for owners.",
        PROJECT,
        Query("action"),
        Query("object_type"),
        Query("object_id", ID),
        Query("since", TIME),
        Query("until", TIME),
    ),
    ("KeyList", "POST"): Operation(
        summary="Make a key; it is shown once.",
        body=organizations.KeyShape,
        answer=ref("UserAPIKey"),
        status=201,
    ),
}
