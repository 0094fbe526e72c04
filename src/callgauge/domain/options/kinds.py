"""What a setting is, and how its text is read: each parser raises ValueError with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `per_secs`, refilled evenly."""

    count: int
    per_secs: int


_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def text(value: str) -> str:
    return value.strip()


def path(value: str) -> Path:
    return Path(value.strip()).expanduser()


def keys(value: str) -> str:
    if value.strip() and not any(part.strip() for part in value.split(",")):
        raise ValueError("write a key, or several parted by commas")
    return value.strip()


def flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("write true or false")


def positive(value: str) -> int:
    text = value.strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise ValueError("write a whole number from 1 to 999999999")
    return number


def count(value: str) -> int:
    if value.strip() == "0":
        return 0
    return positive(value)


def names(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def networks(value: str) -> tuple[Network, ...]:
    return tuple(_network(word) for word in names(value))


def _network(word: str) -> Network:
    try:
        return ip_network(word)
    except ValueError:
        raise ValueError(f"{word} is no network: write 10.0.0.0/8 or fd00::/8, without host bits") from None


def rate(value: str) -> Rate | None:
    if value.strip().lower() in {"", "0", "off", "none"}:
        return None
    match = re.fullmatch(r"\s*([1-9]\d{0,8})\s*/\s*(?:([1-9]\d{0,4})\s*)?([a-z]+?)s?\s*", value.lower())
    if match is None or match[3] not in _PERIODS:
        raise ValueError("write a rate such as 10/minute, 100/hour, or off")
    return Rate(int(match[1]), int(match[2] or 1) * _PERIODS[match[3]])


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    user: str
    password: str
    encrypted_from_the_start: bool

    @property
    def starttls(self) -> bool:
        """A password never goes over the line unencrypted; without one, the server may be a neighbour."""
        return bool(self.user) and not self.encrypted_from_the_start


def mail_server(value: str) -> MailServer | None:
    if not value.strip():
        return None
    parts = urlsplit(value.strip())
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0:
        raise ValueError("write smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
    encrypted = parts.scheme == "smtps"
    return MailServer(
        parts.hostname,
        port or (465 if encrypted else 587 if parts.username else 25),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        encrypted,
    )


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in allowed:
            raise ValueError(f"write one of {', '.join(allowed)}")
        return lowered

    return parse


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    """Without the prefix; the environment variable is `CALLGAUGE_` + this."""
    kind: str
    """The type in a reader's words."""
    parse: Callable[[str], Any]
    default: str
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        return f"CALLGAUGE_{self.name}"

    @property
    def field(self) -> str:
        return self.name.lower()
