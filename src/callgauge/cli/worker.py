"""`callgauge worker`: measures what a broker brings, on any number of hosts."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Any

import click

from callgauge.cli import bootstrap, telemetry
from callgauge.cli.broker import open_broker
from callgauge.cli.serve import make_executor, stop_on_signals
from callgauge.domain.options import Options

SEEN_SECS = 5.0


@click.command(short_help="Measure what a broker brings.")
@telemetry.metrics_options
@bootstrap.data_dir_option
@click.option("--audio-only", is_flag=True, help="Fetch, draw and redact recordings, and measure no calls.")
@click.option("--no-audio", is_flag=True, help="Leave that to other workers.")
def worker(
    data_dir: Path | None, metrics_host: str, metrics_port: int | None, audio_only: bool, no_audio: bool
) -> None:
    """Measure calls that `callgauge serve` takes in on another process or host.

    Needs CALLGAUGE_DATABASE_URL (PostgreSQL) and CALLGAUGE_BROKER_URL, the same as the server's. Run as many
    as you like, each with CALLGAUGE_JUDGE_CONCURRENCY requests in flight. SIGTERM stops it: judge requests
    under way end, the rest is handed back.
    """
    if audio_only and no_audio:
        raise click.UsageError("--audio-only and --no-audio exclude each other.")
    loaded = bootstrap.start(data_dir)
    from callgauge.worker.loop import collect_less, share_heaps

    broker = open_broker(loaded)
    if broker is None:
        raise click.ClickException(
            "Set CALLGAUGE_BROKER_URL: without a broker `callgauge serve` does the work itself."
        )
    share_heaps()
    telemetry.start(loaded, "worker", metrics_host, metrics_port)
    collect_less()
    owner = f"worker:{secrets.token_hex(10)}"
    if audio_only:
        _care_for_recordings(make_executor(loaded, owner, audio="only"), owner)
        return
    executor = make_executor(loaded, owner, looks_for_work=False, audio="none" if no_audio else "too")
    _measure(loaded, broker, executor, owner)


def _care_for_recordings(executor: Any, owner: str) -> None:
    """Takes nothing from the broker, and is not counted among those that do."""
    stop_on_signals()
    executor.start()
    click.echo(f"worker {owner} is ready, for recordings only")
    try:
        threading.Event().wait()  # until a signal ends it
    finally:
        executor.stop()
        telemetry.stop()


def _measure(loaded: Options, broker: Any, executor: Any, owner: str) -> None:
    from callgauge.worker.dispatcher import Dispatcher

    dispatcher = Dispatcher(broker, owner, loaded.tenant_chunks)
    executor.start()
    stopping = threading.Event()
    presence = threading.Thread(target=_say_present, args=(owner, stopping), daemon=True)
    presence.start()
    dispatcher.start()
    celery_worker = broker.worker(
        executor.work_on,
        on_stop=executor.stop,
        hostname=f"callgauge-{os.getpid()}@{socket.gethostname()}",
        log_level=loaded.log_level,
    )
    click.echo(f"worker {owner} is ready")
    try:
        celery_worker.start()
    finally:
        stopping.set()
        dispatcher.stop()
        executor.stop()
        presence.join()
        telemetry.stop()


def _say_present(owner: str, stopping: threading.Event) -> None:
    from django.db import DatabaseError, connection

    from callgauge.flow import dispatch

    while True:
        stopped = stopping.is_set()
        try:
            connection.close_if_unusable_or_obsolete()
            if stopped:
                dispatch.worker_is_gone(owner)
            else:
                dispatch.worker_is_here(owner, socket.gethostname())
        except DatabaseError:
            connection.close()  # said again in a moment; who says nothing for a while is not counted
        if stopped:
            connection.close()
            return
        stopping.wait(SEEN_SECS)
