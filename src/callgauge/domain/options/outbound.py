"""What the server sends to addresses that users name."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, networks

OUTBOUND: tuple[Option, ...] = (
    Option(
        "OUTBOUND_NETWORKS",
        "networks, comma-separated",
        networks,
        "",
        "Networks that are not public and may be reached all the same, for recordings and webhooks.",
    ),
)
