"""How the pages write figures: times, durations, money, shares and counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.utils import timezone

MINUTE, HOUR, DAY = 60, 3600, 86400


def ago(moment: datetime, now: datetime | None = None) -> str:
    """ "just now", "5 min ago", "3 h ago", "2 days ago", then the date."""
    secs = ((now or timezone.now()) - moment).total_seconds()
    if secs < -MINUTE:
        return f"{moment:%Y-%m-%d %H:%M}"
    if secs < MINUTE:
        return "just now"
    if secs < HOUR:
        return f"{int(secs // MINUTE)} min ago"
    if secs < DAY:
        return f"{int(secs // HOUR)} h ago"
    if secs < 14 * DAY:
        return f"{plural(int(secs // DAY), 'day')} ago"
    return f"{moment:%Y-%m-%d}"


def exact(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def clock(secs: float | None) -> str:
    """0:07, 12:30, 1:02:03; a dash where nothing is known."""
    if secs is None:
        return "–"
    whole = int(secs)
    if whole >= HOUR:
        return f"{whole // HOUR}:{whole // MINUTE % MINUTE:02}:{whole % MINUTE:02}"
    return f"{whole // MINUTE}:{whole % MINUTE:02}"


def milliseconds(secs: float | None) -> str:
    return "–" if secs is None else f"{round(secs * 1000):,} ms"


def money(usd: float | None, unpriced: int = 0) -> str:
    """Small amounts keep two figures that say something; an unknown cost is not a zero. `unpriced`: how many
    requests or results the sum leaves out, as their price is not known."""
    if usd is None:
        return "price unknown"
    if unpriced:
        return f"at least {money(usd if usd >= 0.0001 else 0.0)}"
    if usd == 0:
        return "US$ 0"
    if usd < 0.01:
        return f"US$ {usd:.2g}" if usd >= 0.0001 else "under US$ 0.0001"
    return f"US$ {usd:,.2f}"


def number(value: float | None, unit: str = "") -> str:
    """At most two decimals, none where they say nothing."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.2f}".rstrip("0")
    return f"{text} {unit}" if unit else text


def judge_name(name: str) -> str:
    """As the settings have it; of a scripted judge the file without the way to it."""
    provider, _, rest = name.partition(":")
    return f"{provider}:{Path(rest).name}" if provider == "scripted" else name


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def plural(count: int, noun: str, several: str = "") -> str:
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
