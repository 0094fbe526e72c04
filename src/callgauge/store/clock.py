"""Times to come by the database's clock: workers on several machines must agree on it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def from_now(span: timedelta) -> Combinable:
    if not span:
        return Now()  # SQLite writes a sum with more digits, which is then later than the same moment
    return ExpressionWrapper(Now() + Value(span), output_field=DateTimeField())
