"""Icons as outlines in a square of 16; drawn in the colour of the text beside them, and silent to readers."""

from __future__ import annotations

from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

PATHS = {
    "overview": "M2 13V8h3v5M6.5 13V3h3v10M11 13V6h3v7",
    "calls": "M2 8h1.5l1.5-4 2 9 2-11 2 9 1-3h2",
    "metrics": "M2.5 12a5.5 5.5 0 1 1 11 0M8 12l2.5-4",
    "reruns": "M13 5a5.5 5.5 0 1 0 .5 4M13.5 2v3.5H10",
    "review": "M2.5 3h11v8h-6l-3 2.5V11h-2zM5.5 7l1.7 1.7L10.5 5.5",
    "settings": "M2 5h7M13 5h1M2 11h1M7 11h7M9 3h4v4H9zM3 9h4v4H3z",
    "pass": "M3 8.5l3.5 3.5L13 4.5",
    "fail": "M4 4l8 8M12 4l-8 8",
    "number": "M6 2.5l-1.5 11M11.5 2.5L10 13.5M2.5 6h11M2 10.5h11",
    "label": "M2.5 3h5l6 6-4.5 4.5-6.5-6zM5.3 5.8h.01",
    "skipped": "M3 8h10",
    "not_applicable": "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM4.2 11.8l7.6-7.6",
    "failed": "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6h.01",
    "pending": "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
    "low_trust": "M6 6a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M8 11.8h.01"
    "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z",
    "reviewed": "M6.5 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2 13.5c0-2.5 2-3.8 4.5-3.8M9 12l1.8 1.8L14.5 10",
    "stale": "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.3",
    "search": "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.2 3.2",
    "copy": "M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3",
    "play": "M4.5 3v10l8-5z",
    "pause": "M5 3v10M11 3v10",
    "up": "M5 7v6.5H2.5V7zM5 7l2.5-5c1 0 1.8.6 1.6 1.8L8.7 6H13l-1 6.3c-.1.7-.6 1.2-1.3 1.2H5",
    "down": "M5 9V2.5H2.5V9zM5 9l2.5 5c1 0 1.8-.6 1.6-1.8L8.7 10H13l-1-6.3c-.1-.7-.6-1.2-1.3-1.2H5",
    "tool": "M10.5 2.5a3.5 3.5 0 0 0-3.2 4.9L2.5 12.2l1.3 1.3 4.8-4.8a3.5 3.5 0 0 0 4.6-4.4l-2 2"
    "-1.8-.4-.4-1.8 2-2a3.5 3.5 0 0 0-.5 0z",
    "open": "M6 3l5 5-5 5",
    "menu": "M2 4h12M2 8h12M2 12h12",
    "theme": "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5v11",
    "person": "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c0-3 2.5-4.5 5.5-4.5s5.5 1.5 5.5 4.5",
    "plus": "M8 3v10M3 8h10",
    "down-arrow": "M8 3v9M4 8.5L8 12.5l4-4",
    "up-arrow": "M8 13V4M4 7.5L8 3.5l4 4",
}


@cache
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        mark_safe(PATHS[name]),  # noqa: S308 -- from the table above
    )
