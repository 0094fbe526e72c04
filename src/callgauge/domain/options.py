"""Every setting of an installation, in one table: name, type, default, help.

A value comes from the environment variable of that name; a secret may instead stand in a file whose path
is given as `NAME_FILE`. `load` reads them all at once and reports every fault at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class OptionError(ValueError):
    """A setting has a value that cannot be used; the message lists each with what to write instead."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `per_secs`, refilled evenly."""

    count: int
    per_secs: int


_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _text(value: str) -> str:
    return value.strip()


def _path(value: str) -> Path:
    return Path(value.strip()).expanduser()


def _keys(value: str) -> str:
    if value.strip() and not any(part.strip() for part in value.split(",")):
        raise ValueError("write a key, or several parted by commas")
    return value.strip()


def _flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("write true or false")


def _positive(value: str) -> int:
    text = value.strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise ValueError("write a whole number from 1 to 999999999")
    return number


def _count(value: str) -> int:
    if value.strip() == "0":
        return 0
    return _positive(value)


def _names(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _rate(value: str) -> Rate | None:
    if value.strip().lower() in {"", "0", "off", "none"}:
        return None
    match = re.fullmatch(r"\s*([1-9]\d{0,8})\s*/\s*(?:([1-9]\d{0,4})\s*)?([a-z]+?)s?\s*", value.lower())
    if match is None or match[3] not in _PERIODS:
        raise ValueError("write a rate such as 10/minute, 100/hour, or off")
    return Rate(int(match[1]), int(match[2] or 1) * _PERIODS[match[3]])


def _one_of(*allowed: str) -> Callable[[str], str]:
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


OPTIONS: tuple[Option, ...] = (
    Option("DATA_DIR", "path", _path, "data", "Folder for the database, the secret key and recordings."),
    Option(
        "DATABASE_URL",
        "URL",
        _text,
        "",
        "Empty for SQLite in the data folder, or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
        secret=True,
    ),
    Option(
        "SECRET_KEY",
        "text",
        _keys,
        "",
        "Signs sessions and links. Made in the data folder at the first start; set it when more than one "
        "host serves. Several keys parted by commas: the first signs, the others are still accepted.",
        secret=True,
    ),
    Option(
        "ALLOWED_HOSTS",
        "names, comma-separated",
        _names,
        "localhost,127.0.0.1,[::1]",
        "Host names that requests may be addressed to; * for any.",
    ),
    Option(
        "PUBLIC_URL",
        "URL",
        _text,
        "",
        "Address under which clients reach the server, for links, `next`, CSRF and recordings. "
        "Empty: taken from each request.",
    ),
    Option(
        "TRUSTED_PROXIES",
        "addresses, comma-separated",
        _names,
        "",
        "Addresses of reverse proxies whose X-Forwarded-* headers are believed.",
    ),
    Option("MAX_BODY_MB", "whole number", _positive, "64", "Largest request body, in MB; larger gets 413."),
    Option("LOG_LEVEL", "level", _one_of("debug", "info", "warning", "error"), "info", "How much is logged."),
    Option("WEB_THREADS", "whole number", _positive, "8", "Requests served at the same time."),
    Option(
        "JUDGE",
        "provider:model",
        _text,
        "",
        "The language model that judges: openai:MODEL, anthropic:MODEL, gemini:MODEL, scripted:FILE for the "
        "shipped fake, or empty for none (judge metrics are then skipped).",
    ),
    Option(
        "JUDGE_BASE_URL",
        "URL",
        _text,
        "",
        "Address of the judge's API; empty for the provider's own. Any OpenAI-compatible server works.",
    ),
    Option("JUDGE_API_KEY", "text", _text, "", "Key for the judge's API.", secret=True),
    Option(
        "JUDGE_MODELS",
        "provider:model, …",
        _names,
        "",
        "Further models that a metric may choose by judge_model in its configuration; provider:* for all of "
        "a provider.",
    ),
    Option(
        "JUDGE_KEYS",
        "provider=key, …",
        _text,
        "",
        "Keys for the providers of these models; that of the judge's own provider is JUDGE_API_KEY.",
        secret=True,
    ),
    Option(
        "JUDGE_BASE_URLS",
        "provider=URL, …",
        _text,
        "",
        "Addresses for the providers of these models, where they are not the provider's own.",
    ),
    Option(
        "JUDGE_CONCURRENCY",
        "whole number",
        _positive,
        "32",
        "Judge requests in flight at once, per provider.",
    ),
    Option(
        "JUDGE_RATE",
        "rate",
        _rate,
        "",
        "Requests that each provider of judges gets from all workers together, such as 500/minute; empty "
        "for no limit.",
    ),
    Option(
        "JUDGE_TOKEN_RATE",
        "rate",
        _rate,
        "",
        "Tokens that each provider of judges gets, such as 200000/minute; empty for no limit.",
    ),
    Option("JUDGE_TIMEOUT_SECS", "seconds", _positive, "60", "How long one judge request may take."),
    Option(
        "JUDGE_DEADLINE_SECS",
        "seconds",
        _positive,
        "300",
        "How long one question may take with all its retries before the result ends failed.",
    ),
    Option(
        "JUDGE_HTTP_TRIES", "whole number", _positive, "8", "Tries of one judge request over HTTP faults."
    ),
    Option("JUDGE_REASKS", "whole number", _count, "4", "Times an unusable answer is asked for again."),
    Option(
        "JUDGE_RESPONSE_FORMAT",
        "format",
        _one_of("auto", "json_schema", "json_object"),
        "auto",
        "json_schema asks for a strict schema, json_object writes it into the prompt, auto does the second "
        "where the server refuses the first.",
    ),
    Option(
        "JUDGE_PRICES",
        "model=prices, …",
        _text,
        "",
        "Dollars per million tokens for models whose price is not known or not yours: "
        "openai:my-model=0.40/1.60 (input/output) or 0.40/0.10/1.60 (input/cached/output).",
    ),
    Option(
        "JUDGE_INTERRUPTED",
        "word",
        _one_of("retry", "fail"),
        "retry",
        "What becomes of a judge request whose answer was lost in a crash: asked again, or failed.",
    ),
    Option(
        "JUDGE_BATCH",
        "true or false",
        _flag,
        "false",
        "Ask long reruns through the provider's batch API: half the price, answers within a day.",
    ),
    Option(
        "JUDGE_BATCH_MIN",
        "whole number",
        _positive,
        "2000",
        "Judge evaluations that a rerun must have to be asked through the batch API.",
    ),
    Option(
        "SANDBOX",
        "word",
        _one_of("auto", "cpython", "monty", "off"),
        "auto",
        "How Python metrics are run: the first way that this host can enforce, one of them, or not at all.",
    ),
    Option(
        "RERUN_RATE",
        "rate",
        _rate,
        "60/minute",
        "Reruns that one project may request; more get 429 with Retry-After.",
    ),
    Option(
        "RERUN_JOIN_SECS",
        "seconds",
        _count,
        "120",
        "An identical rerun request within this time joins the unfinished one instead of starting another.",
    ),
)

BY_FIELD: dict[str, Option] = {option.field: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Options:
    """The parsed settings; field names are those of the table, in lower case."""

    data_dir: Path
    database_url: str
    secret_key: str
    allowed_hosts: tuple[str, ...]
    public_url: str
    trusted_proxies: tuple[str, ...]
    max_body_mb: int
    log_level: str
    web_threads: int
    judge: str
    judge_base_url: str
    judge_api_key: str
    judge_models: tuple[str, ...]
    judge_keys: str
    judge_base_urls: str
    judge_concurrency: int
    judge_rate: Rate | None
    judge_token_rate: Rate | None
    judge_timeout_secs: int
    judge_deadline_secs: int
    judge_http_tries: int
    judge_reasks: int
    judge_response_format: str
    judge_prices: str
    judge_interrupted: str
    judge_batch: bool
    judge_batch_min: int
    sandbox: str
    rerun_rate: Rate | None
    rerun_join_secs: int


def load(environ: Mapping[str, str]) -> Options:
    """Read all settings. Raises OptionError with one line per faulty setting."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for option in OPTIONS:
        try:
            values[option.field] = option.parse(_raw(option, environ))
        except (ValueError, OSError) as error:
            faults.append(f"{option.variable}: {error}")
    if faults:
        raise OptionError("\n".join(faults))
    return Options(**values)


def _raw(option: Option, environ: Mapping[str, str]) -> str:
    given = environ.get(option.variable)
    file = environ.get(f"{option.variable}_FILE") if option.secret else None
    if given and file:
        raise ValueError(f"set either {option.variable} or {option.variable}_FILE, not both")
    if file:
        text = Path(file).expanduser().read_text(encoding="utf-8").strip()
        if not text:
            raise ValueError(f"the file that {option.variable}_FILE names is empty")
        return text
    return given if given is not None and given != "" else option.default


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like ours but are not: a typing error would otherwise go unseen."""
    known = {option.variable for option in OPTIONS} | {
        f"{option.variable}_FILE" for option in OPTIONS if option.secret
    }
    return sorted(name for name in environ if name.startswith("CALLGAUGE_") and name not in known)
