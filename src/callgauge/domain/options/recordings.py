"""The recordings of calls: where they are kept, how they come in, how they are measured."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, count, positive, text

RECORDINGS: tuple[Option, ...] = (
    Option(
        "RECORDING_STORE",
        "s3://bucket/prefix",
        text,
        "",
        "Where recordings are kept; empty for the folder recordings in the data folder. S3-compatible "
        "storage needs the extra s3.",
    ),
    Option(
        "RECORDING_STORE_OPTIONS",
        "name=value, …",
        text,
        "",
        "How the storage is reached, such as endpoint=https://minio:9000, region=eu-central-1, "
        "access_key_id=…, secret_access_key=…; what is not said comes from the usual AWS_* variables.",
        secret=True,
    ),
    Option("RECORDING_MAX_MB", "whole number", positive, "512", "Largest recording, in MB."),
    Option(
        "RECORDING_FETCH_SECS",
        "seconds",
        positive,
        "120",
        "How long fetching a recording from its voice_recording_url may take, once it has begun.",
    ),
    Option(
        "RECORDING_LINK_SECS",
        "seconds",
        positive,
        "3600",
        "How long the signed link in voice_recording_url stays good.",
    ),
    Option(
        "AUDIO_PROCESSES",
        "whole number",
        count,
        "0",
        "Recordings measured at the same time, each in a process of its own; 0 for one per core.",
    ),
    Option(
        "AUDIO_MEMORY_MB",
        "whole number",
        positive,
        "2048",
        "Memory that measuring one recording may take; more ends that measurement failed.",
    ),
)
