"""All operations and schemas: a part is one module and one name here."""

from __future__ import annotations

from callgauge.api.openapi import (
    table_agents,
    table_calls,
    table_exports,
    table_metrics,
    table_review,
    table_versions,
    table_webhooks,
)
from callgauge.api.openapi.kinds import Operations, Schema

PARTS = (
    table_calls,
    table_exports,
    table_metrics,
    table_agents,
    table_review,
    table_versions,
    table_webhooks,
)
OPERATIONS: Operations = {key: operation for part in PARTS for key, operation in part.OPERATIONS.items()}
SCHEMAS: dict[str, Schema] = {name: schema for part in PARTS for name, schema in part.SCHEMAS.items()}
