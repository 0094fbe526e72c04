"""What the server sends to addresses that users name."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, networks, positive

OUTBOUND: tuple[Option, ...] = (
    Option(
        "OUTBOUND_NETWORKS",
        "networks, comma-separated",
        networks,
        "",
        "Networks that are not public and may be reached all the same, for recordings and webhooks.",
    ),
    Option(
        "WEBHOOK_TIMEOUT_SECS",
        "seconds",
        positive,
        "15",
        "How long a receiver of webhooks has to answer.",
    ),
    Option(
        "WEBHOOK_TRIES",
        "whole number",
        positive,
        "10",
        "Tries of one webhook before it is given up; ten are spread over half a day.",
    ),
    Option(
        "WEBHOOK_LOG_DAYS",
        "days",
        positive,
        "30",
        "How long webhooks that have ended can be looked at and sent again.",
    ),
)
