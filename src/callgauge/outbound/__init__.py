"""Requests to addresses that users name: recordings that are fetched, webhooks that are delivered.

Such an address may point into the operator's own network. Everything that the server sends to a place that
a user chose goes through `Outbound`, which reaches public addresses and what the operator allows.
"""

from callgauge.outbound.addresses import Network, is_reachable
from callgauge.outbound.client import Fetched, Limits, Outbound, Reply
from callgauge.outbound.errors import (
    AddressRefused,
    BadStatus,
    OutboundError,
    TookTooLong,
    TooLarge,
    Unreachable,
    UrlRefused,
)
from callgauge.outbound.urls import check_url

__all__ = [
    "AddressRefused",
    "BadStatus",
    "Fetched",
    "Limits",
    "Network",
    "Outbound",
    "OutboundError",
    "Reply",
    "TooLarge",
    "TookTooLong",
    "Unreachable",
    "UrlRefused",
    "check_url",
    "is_reachable",
]
