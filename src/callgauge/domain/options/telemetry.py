"""What the server says of its own work, and to whom."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, count, one_of, text

TELEMETRY: tuple[Option, ...] = (
    Option("LOG_LEVEL", "level", one_of("debug", "info", "warning", "error"), "info", "How much is logged."),
    Option(
        "LOG_FORMAT",
        "word",
        one_of("line", "json"),
        "line",
        "Log lines for people, or one JSON object a line, with each request and each chunk.",
    ),
    Option(
        "AUDIT_DAYS",
        "days",
        count,
        "365",
        "How long entries of the audit log are kept; 0 keeps them for ever.",
    ),
    Option(
        "METRICS_TOKEN",
        "text",
        text,
        "",
        "Opens /metrics for Prometheus, which sends it as a bearer token. Empty: there is no /metrics.",
        secret=True,
    ),
    Option(
        "OTLP_ENDPOINT",
        "URL",
        text,
        "",
        "Receiver of OpenTelemetry traces by OTLP over HTTP, such as http://127.0.0.1:4318. Needs the extra "
        "otel. Empty: no traces.",
    ),
)
