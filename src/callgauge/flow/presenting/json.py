"""Writing JSON with orjson; stored JSON passes through unparsed as orjson.Fragment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def dump(data: Any) -> bytes:
    """UTF-8 JSON. Datetimes in UTC with Z; NaN becomes null; fragments are copied as they are."""
    return orjson.dumps(data, default=_default, option=OPTIONS)
