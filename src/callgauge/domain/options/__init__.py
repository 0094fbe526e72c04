"""Every setting of an installation, in one table: name, type, default, help.

A value comes from the environment variable of that name; a secret may instead stand in a file whose path
is given as `NAME_FILE`. `load` reads them all at once and reports every fault at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgauge.domain.options.judges import JUDGES
from callgauge.domain.options.kinds import MailServer, Network, Option, Rate
from callgauge.domain.options.mail import MAIL
from callgauge.domain.options.outbound import OUTBOUND
from callgauge.domain.options.privacy import PRIVACY
from callgauge.domain.options.recordings import RECORDINGS
from callgauge.domain.options.scale import SCALE
from callgauge.domain.options.server import SERVER
from callgauge.domain.options.speech import SPEECH
from callgauge.domain.options.telemetry import TELEMETRY

__all__ = ["BY_FIELD", "OPTIONS", "Option", "OptionError", "Options", "Rate", "load", "unknown"]


class OptionError(ValueError):
    """A setting has a value that cannot be used; the message lists each with what to write instead."""


OPTIONS: tuple[Option, ...] = (
    *SERVER,
    *JUDGES,
    *SCALE,
    *OUTBOUND,
    *RECORDINGS,
    *SPEECH,
    *PRIVACY,
    *MAIL,
    *TELEMETRY,
)
"""A group of settings is one file of this package, and one name here."""

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
    disk_reserve_mb: int
    web_threads: int
    outbound_networks: tuple[Network, ...]
    mail_url: MailServer | None
    mail_from: str
    webhook_timeout_secs: int
    webhook_tries: int
    webhook_log_days: int
    judge: str
    judge_base_url: str
    judge_api_key: str
    judge_models: tuple[str, ...]
    judge_keys: str
    judge_base_urls: str
    judge_audio_models: tuple[str, ...]
    judge_audio_secs: int
    judge_concurrency: int
    judge_rate: Rate | None
    judge_token_rate: Rate | None
    judge_timeout_secs: int
    judge_deadline_secs: int
    judge_http_tries: int
    judge_outage_secs: int
    judge_reasks: int
    judge_response_format: str
    judge_prices: str
    judge_interrupted: str
    judge_batch: bool
    judge_batch_min: int
    calls_in_memory_mb: int
    sandbox: str
    recording_store: str
    recording_store_options: str
    recording_max_mb: int
    recording_fetch_secs: int
    recording_link_secs: int
    audio_processes: int
    audio_memory_mb: int
    redaction_originals: str
    stt: str
    stt_base_url: str
    stt_api_key: str
    stt_timeout_secs: int
    broker_url: str
    broker_queues: str
    tenant_chunks: int
    rerun_rate: Rate | None
    rerun_join_secs: int
    log_level: str
    log_format: str
    audit_days: int
    metrics_token: str
    otlp_endpoint: str


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
