"""What the contract's histories say of a version, whatever it is a version of."""

from __future__ import annotations

from typing import Any

from callgauge.store.models import AgentVersion, MetricVersion, User


def _person(user: User | None) -> dict[str, Any] | None:
    return None if user is None else {"id": user.pk, "name": user.name, "email": user.email}


def history_entry(version: AgentVersion | MetricVersion) -> dict[str, Any]:
    return {
        "history_id": version.pk,
        "history_date": version.created_at,
        "history_type": "+" if version.number == 1 else "~",
        "history_change_reason": version.change_reason or None,
        "history_user": _person(version.changed_by_user),
        "version_id": str(version.number),
        "version_name": version.label or f"Version {version.number}",
    }
