"""What `serve` and `worker` start for those who watch them: a port for Prometheus, and traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from callgauge.domain.extras import how_to_add
from callgauge.domain.options import Options


def metrics_options(command: Callable[..., Any]) -> Callable[..., Any]:
    host = click.option(
        "--metrics-host", default="127.0.0.1", show_default=True, help="Address of --metrics-port."
    )
    port = click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        help="Serve Prometheus metrics on a port of their own, without a key; 0 takes a free one.",
    )
    return port(host(command))


def start(loaded: Options, part: str, host: str, port: int | None, further: Iterable[Any] = ()) -> None:
    """`further` collectors answer on the port too. Raises ClickException."""
    from callgauge.telemetry.metrics import serve_metrics
    from callgauge.telemetry.traces import TracesUnavailable, start_traces

    if loaded.otlp_endpoint:
        try:
            start_traces(loaded.otlp_endpoint, part)
        except TracesUnavailable:
            raise click.ClickException(
                f"CALLGAUGE_OTLP_ENDPOINT needs the extra otel; {how_to_add('otel')}."
            ) from None
    if port is not None:
        try:
            bound = serve_metrics(host, port, further)
        except OSError as error:
            raise click.ClickException(f"Cannot serve metrics on {host}:{port}: {error.strerror}.") from None
        click.echo(f"metrics on http://{host}:{bound}/metrics", err=True)


def stop() -> None:
    from callgauge.telemetry.traces import stop_traces

    stop_traces()
