"""The broker that the settings name."""

from __future__ import annotations

from typing import Any

import click

from callgauge.domain.extras import how_to_add
from callgauge.domain.options import Options


def open_broker(loaded: Options) -> Any:
    """The broker of the settings; None where there is none. Raises ClickException."""
    if not loaded.broker_url:
        return None
    if not loaded.database_url:
        raise click.ClickException(
            "CALLGAUGE_BROKER_URL needs CALLGAUGE_DATABASE_URL: workers on several hosts cannot share SQLite."
        )
    try:
        from callgauge.worker.broker import Broker
    except ImportError:
        raise click.ClickException(
            f"CALLGAUGE_BROKER_URL needs the extra scale; {how_to_add('scale')}."
        ) from None
    from callgauge.flow.installation import ensure_installation

    return Broker.at(loaded.broker_url, ensure_installation(), loaded.broker_queues)
