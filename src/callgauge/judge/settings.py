"""What a judge needs to know before the first question."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from callgauge.judge.prices import Prices

ResponseFormat = Literal["auto", "json_schema", "json_object"]


class JudgeSettingError(ValueError):
    """A judge was set that cannot be opened; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    provider: str
    """A name in `PROVIDERS`."""
    model: str
    """As the provider spells it; may hold colons and slashes."""
    script: Path | None = None
    """The file of the scripted judge; the others leave it None."""
    base_url: str = ""
    """Empty for the provider's own address."""
    api_key: str = field(default="", repr=False)
    timeout_secs: float = 60.0
    """For one HTTP request, from sending to the last byte."""
    deadline_secs: float = 300.0
    """For one question, with all its tries, waits and re-asks."""
    http_tries: int = 8
    """Tries of one request over faults of HTTP or the network."""
    outage_secs: float = 0.0
    """How long a provider that has answered before and now answers nobody is waited for, beyond the tries and
    the deadline of a question."""
    reasks: int = 4
    """Further requests after an answer that is not usable."""
    response_format: ResponseFormat = "auto"
    """`json_schema`: strict, whatever the server says. `json_object`: the schema stands in the system text.
    `auto`: the first, and the second once the server has refused a schema."""
    prices: Prices | None = None
    """Used instead of the price list, and the only way to a cost for models that it does not know."""

    def check(self) -> None:
        """Raises JudgeSettingError."""
        if not self.model:
            raise JudgeSettingError(f"{self.provider} needs a model: write {self.provider}:MODEL")
        if self.timeout_secs <= 0 or self.deadline_secs <= 0:
            raise JudgeSettingError("the judge's time-out and deadline must be more than 0 seconds")
        if self.http_tries < 1 or self.reasks < 0:
            raise JudgeSettingError("a judge needs at least 1 HTTP try and 0 or more re-asks")
        if self.outage_secs < 0:
            raise JudgeSettingError("a judge's outage cannot be waited for less than 0 seconds")
        if self.response_format not in get_args(ResponseFormat):
            raise JudgeSettingError(f"the response format is one of {', '.join(get_args(ResponseFormat))}")
        if self.base_url:
            self._check_base_url()
        if not self.api_key.isascii() or not all(letter.isprintable() for letter in self.api_key):
            raise JudgeSettingError("the judge's API key holds a character that no HTTP header may carry")

    def _check_base_url(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise JudgeSettingError(f"the judge's base URL cannot be read: {error}") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise JudgeSettingError(
                "the judge's base URL must start with http:// or https:// and name a host"
            )
        if parts.username is not None or parts.password is not None:
            raise JudgeSettingError(
                "the judge's base URL holds a password: give the API key as its own setting"
            )


def endpoint(base_url: str, default: str, tail: str) -> str:
    """Where to post: the base URL (or the default) and the provider's path.

    A base URL without a path gets the default's one, as people write `http://localhost:11434`; one that
    already ends with `tail` stays; a query (`?api-version=…`) is kept at the end.
    """
    parts = urlsplit(base_url or default)
    path = parts.path.rstrip("/") or urlsplit(default).path.rstrip("/")
    if not path.endswith(tail):
        path += tail
    return parts._replace(path=path, fragment="").geturl()
