"""`callgauge fake-judge`: the shipped fake of a model provider."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

import click
from click.decorators import FC

from callgauge.cli.serve import stop_on_signals


def _share(name: str, words: str) -> Callable[[FC], FC]:
    return click.option(name, type=click.FloatRange(0, 1), default=0.0, help=f"Share of requests {words}.")


@click.command("fake-judge", short_help="Run a fake model provider, for trials.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--latency-ms",
    default=50.0,
    show_default=True,
    type=click.FloatRange(0, 600_000),
    help="How long each answer takes.",
)
@_share("--rate-429", "that are told to come back later")
@click.option("--retry-after-secs", default=1, show_default=True, type=click.IntRange(0), help="And when.")
@_share("--rate-500", "that fail")
@_share("--rate-truncated", "whose answer is cut off")
@_share("--rate-wrong-shape", "whose answer lacks a key")
@_share("--rate-stall", "that are never answered")
@click.option("--seed", default=0, show_default=True, help="Decides which requests meet a fault.")
def fake_judge(
    host: str,
    port: int,
    latency_ms: float,
    rate_429: float,
    retry_after_secs: int,
    rate_500: float,
    rate_truncated: float,
    rate_wrong_shape: float,
    rate_stall: float,
    seed: int,
) -> None:
    """Run a fake of OpenAI's, Anthropic's and Gemini's APIs on this machine.

    No model is behind it: its answers fit the shape that is asked for, mean nothing, and name the model
    "fake". For trying out a server, its load and its faults. Prints its address and serves until stopped.
    """
    from callgauge.judge.fake_faults import Faults
    from callgauge.judge.server import FakeServer, run

    try:
        faults = Faults(
            refuse_429=rate_429,
            fail_500=rate_500,
            truncate=rate_truncated,
            misshape=rate_wrong_shape,
            stall=rate_stall,
            seed=seed,
            retry_after_secs=retry_after_secs,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    stop_on_signals()
    with contextlib.suppress(SystemExit):
        try:
            asyncio.run(
                run(FakeServer(latency_ms=latency_ms, faults=faults, host=host, port=port), _announce)
            )
        except OSError as error:
            raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from None


def _announce(url: str) -> None:
    click.echo(url)
    sys.stdout.flush()
    click.echo(
        "A fake: no model is behind it, and its answers mean nothing. Point a server at it with\n"
        f"  export CALLGAUGE_JUDGE=openai:fake CALLGAUGE_JUDGE_BASE_URL={url}/v1",
        err=True,
    )
