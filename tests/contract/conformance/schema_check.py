"""Answers held against the server's own /openapi.json."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema_rs


class Contract:
    def __init__(self, address: str, *, required: bool = True) -> None:
        answer = httpx.get(f"{address}/openapi.json")
        self._document: dict[str, Any] = answer.json() if answer.status_code == 200 else {"paths": {}}
        self._required = required
        self._patterns = [
            (re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", path.rstrip("/")) + "/?$"), path)
            for path in sorted(self._document["paths"], key=lambda path: (path.count("{"), path))
        ]
        self._validators: dict[tuple[str, str, str], Any] = {}

    def fault(self, method: str, path: str, status: int, body: Any) -> str | None:
        """What the contract has against an answer; None where there is nothing."""
        template = next((found for pattern, found in self._patterns if pattern.match(path)), None)
        operation = self._document["paths"].get(template, {}).get(method.lower()) if template else None
        if operation is None:
            return "it is not in /openapi.json" if self._required else None
        declared = operation["responses"].get(str(status))
        if declared is None:
            return f"{status} is not documented"
        if "content" not in declared:
            return None if body in (None, "") else "a body is not documented"
        key = (str(template), method, str(status))
        if key not in self._validators:
            schema = next(iter(declared["content"].values())).get("schema", {})
            self._validators[key] = jsonschema_rs.validator_for(
                {**schema, "components": self._document.get("components", {})}, validate_formats=True
            )
        error = next(self._validators[key].iter_errors(body), None)
        return (
            None
            if error is None
            else f"at {'/'.join(map(str, error.instance_path)) or 'the top'}: {error.message}"
        )
