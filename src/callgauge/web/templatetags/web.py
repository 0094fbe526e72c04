"""Tags and filters of the pages: how figures, times and money are written, in one place."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.http import QueryDict
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callgauge.web import icons, words
from callgauge.web.chips import Chip, chip_html

register = template.Library()
NEVER = SafeString('<span class="muted">never</span>')


@register.simple_tag
def icon(name: str) -> SafeString:
    return icons.icon(name)


@register.simple_tag
def chip(shown: Chip) -> SafeString:
    return chip_html(shown)


@register.simple_tag
def asset(path: str) -> str:
    """The address of a static file with the hash of what is in it: it may be kept for as long as it lasts."""
    return f"{static(path)}?v={_hash(path)}"


@cache
def _hash(path: str) -> str:
    found = finders.find(path)
    assert isinstance(found, str), path
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:12]


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """Relative, with the exact time on hover and for machines."""
    if moment is None:
        return NEVER
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        words.exact(moment),
        words.ago(moment),
    )


register.filter("clock", words.clock)
register.filter("ms", words.milliseconds)
register.filter("money", words.money)
register.filter("number", words.number)
register.filter("percent", words.percent)


@register.filter
def plural(count: int, noun: str) -> str:
    """`3|plural:"call"` is "3 calls"; "reply,replies" gives an odd plural."""
    return words.plural(count, *noun.split(","))


@register.simple_tag(takes_context=True)
def with_query(context: RequestContext, **changed: Any) -> str:
    """The query of this address with some of it changed; None takes a parameter away."""
    query: QueryDict = context["request"].GET.copy()
    for name, value in changed.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"
