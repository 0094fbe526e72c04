"""Which extras are installed, and what each gives."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

from callgauge.cli.doctor.finding import Finding, State
from callgauge.domain.extras import how_to_add
from callgauge.domain.options import Options


@dataclass(frozen=True, slots=True)
class Extra:
    gives: str
    modules: Sequence[str]


EXTRAS: Final[Mapping[str, Extra]] = {
    "scale": Extra("PostgreSQL, workers on several hosts", ("celery", "granian", "psycopg")),
    "monty": Extra("a second sandbox for Python metrics", ("pydantic_monty",)),
    "media": Extra("recordings in m4a, webm and other containers", ("av",)),
    "s3": Extra("recordings in S3-compatible storage", ("obstore",)),
    "parquet": Extra("export of calls as Parquet", ("pyarrow",)),
    "otel": Extra("traces of the server's own work", ("opentelemetry.sdk", "opentelemetry.exporter.otlp")),
    "mcp": Extra("tools for assistants", ("mcp",)),
    "stt": Extra("speech to text in this process", ("faster_whisper",)),
}
"""As in pyproject.toml."""


def extras(loaded: Options) -> Iterator[Finding]:
    for name, extra in EXTRAS.items():
        missing = [module for module in extra.modules if not _is_there(module)]
        facts = {"gives": extra.gives, "missing": missing}
        if not missing:
            yield Finding(f"extra {name}", State.OK, extra.gives, facts)
            continue
        needed = _needed_by(name, loaded)
        words = f"{extra.gives}: not there; {how_to_add(name)}"
        if needed:
            words += f", and {needed} needs it"
        yield Finding(f"extra {name}", State.FAULT if needed else State.OFF, words, facts)


def _needed_by(name: str, loaded: Options) -> str:
    if name == "scale" and (loaded.database_url or loaded.broker_url):
        return "CALLGAUGE_BROKER_URL" if loaded.broker_url else "CALLGAUGE_DATABASE_URL"
    if name == "monty" and loaded.sandbox == "monty":
        return "CALLGAUGE_SANDBOX"
    if name == "s3" and loaded.recording_store.startswith(("s3://", "gs://", "az://")):
        return "CALLGAUGE_RECORDING_STORE"
    if name == "otel" and loaded.otlp_endpoint:
        return "CALLGAUGE_OTLP_ENDPOINT"
    if name == "stt" and loaded.stt.startswith("faster-whisper:"):
        return "CALLGAUGE_STT"
    return ""


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def installation(loaded: Options) -> Iterator[Finding]:
    facts = {
        "callgauge": version("callgauge"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    yield Finding(
        "installation", State.OK, "callgauge {callgauge}, Python {python}, {system}".format(**facts), facts
    )
