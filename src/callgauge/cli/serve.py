"""`callgauge serve`: web and executor in one process."""

from __future__ import annotations

import secrets
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from callgauge.cli import bootstrap, data_dir, telemetry
from callgauge.cli.broker import open_broker
from callgauge.domain.options import Options

if TYPE_CHECKING:
    from callgauge.cli.web_server import WebServer

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@click.command(short_help="Run the server.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@telemetry.metrics_options
@bootstrap.data_dir_option
def serve(host: str, port: int, data_dir: Path | None, metrics_host: str, metrics_port: int | None) -> None:
    """Run the server: the API and the executor that evaluates, in one process.

    Creates and migrates its database. Prints one line when it is ready, and until there is an
    account a link that makes the first one. Stops cleanly on SIGTERM or Ctrl-C:
    judge requests under way end, and what is left is taken up at the next start.
    """
    run(host, port, data_dir, metrics_host, metrics_port)


def run(
    host: str,
    port: int,
    folder: Path | None,
    metrics_host: str = "127.0.0.1",
    metrics_port: int | None = None,
) -> None:
    loaded = bootstrap.load_options()
    usual, path = loaded.data_dir, folder or loaded.data_dir
    data_dir.prepare(path)
    held = data_dir.lock(path)
    if not loaded.database_url:
        _check_database(path)
    loaded = bootstrap.start(folder)
    from callgauge.flow.gauges import ClosingGauges
    from callgauge.worker.loop import collect_less, share_heaps

    share_heaps()
    hands = _hands(loaded, path)
    telemetry.start(loaded, "serve", metrics_host, metrics_port, [ClosingGauges()])
    server = _bind(loaded, host, port)
    if host not in {"127.0.0.1", "localhost", "::1"} and not loaded.public_url:
        click.echo(
            f"listening beyond this machine: requests must name a host of CALLGAUGE_ALLOWED_HOSTS "
            f"({', '.join(loaded.allowed_hosts)})",
            err=True,
        )
    stop_on_signals(server.stop)
    collect_less()
    try:
        hands.start()
        address = f"http://{_shown(host)}:{server.port}"
        data_dir.note_address(path, f"http://{_shown(_reached(host))}:{server.port}")
        click.echo(f"listening on {address}")
        if path.resolve() != usual.resolve():
            click.echo(_where(path, usual))
        _offer_set_up(loaded.public_url or address)
        sys.stdout.flush()
        server.run()
    finally:
        server.close()
        hands.stop()
        telemetry.stop()
        held.close()


def _where(folder: Path, usual: Path) -> str:
    """A command that is told of no folder works on another one, or makes a new one, without a word."""
    return (
        f"The data is in {folder.resolve()}. Commands in another terminal use {usual.resolve()} until told:\n"
        f"  export CALLGAUGE_DATA_DIR={shlex.quote(str(folder.resolve()))}"
    )


def _check_database(folder: Path) -> None:
    """Before anything opens it: the first who does loses what a damaged log held. Raises ClickException."""
    from callgauge.store.wal import Damaged, check_log

    try:
        check_log(folder / "callgauge.sqlite3")
    except Damaged as damage:
        raise click.ClickException(
            f"What was written last is damaged: {damage}. {bootstrap.bring_back(folder)}\n"
            f"Or move {folder / 'callgauge.sqlite3-wal'} away, to go on without what is in it."
        ) from None
    except sqlite3.DatabaseError as error:
        raise click.ClickException(
            f"The database cannot be used: {error}. {bootstrap.bring_back(folder)}"
        ) from None


def _hands(loaded: Options, path: Path) -> Any:
    """What does the work: an executor in this process, or with a broker what sends it to the workers."""
    from callgauge.flow import batches, errands, ledger
    from callgauge.flow.recordings import due
    from callgauge.store.models import (
        CallExport,
        Lab,
        MetricPreview,
        RecordingDictation,
        WebhookDelivery,
        WritingJob,
    )

    server = data_dir.server_id(path)
    owner = f"{server}:{secrets.token_hex(6)}"
    # The folder's lock is held, so whoever leased under this id is gone.
    ledger.take_over(f"{server}:")
    batches.take_over(f"{server}:")
    for model in (CallExport, Lab, MetricPreview, RecordingDictation, WebhookDelivery, WritingJob):
        errands.take_over(model, f"{server}:")
    broker = open_broker(loaded)
    if broker is None:
        due.release_held()
        return make_executor(loaded, owner)
    from callgauge.worker.dispatcher import Dispatcher

    return Dispatcher(broker, owner, loaded.tenant_chunks)


def make_executor(
    loaded: Options, owner: str, *, looks_for_work: bool = True, audio: Literal["too", "only", "none"] = "too"
) -> Any:
    """`audio`: whether it takes care of recordings beside its chunks, or does nothing else. Raises
    ClickException for judges and stores that cannot be used."""
    from callgauge.flow.recordings import files
    from callgauge.flow.speech_settings import check_speech
    from callgauge.judge import JudgeSettingError
    from callgauge.worker.executor import Executor
    from callgauge.worker.judges import check_judges, judges_from
    from callgauge.worker.recordings import RecordingOptions
    from callgauge.worker.sending import WebhookOptions

    try:
        check_judges(loaded)
    except JudgeSettingError as error:
        raise click.ClickException(f"CALLGAUGE_JUDGE: {error}") from None
    try:
        check_speech(loaded)
    except JudgeSettingError as error:
        raise click.ClickException(f"CALLGAUGE_STT: {error}") from None
    try:
        files.files()
    except files.StoreError as error:
        raise click.ClickException(str(error)) from None
    return Executor(
        owner,
        lambda: judges_from(loaded),
        concurrency=loaded.judge_concurrency,
        reasks=loaded.judge_reasks,
        fail_interrupted=loaded.judge_interrupted == "fail",
        sandbox=loaded.sandbox,
        memory_mb=loaded.calls_in_memory_mb,
        batch_least=loaded.judge_batch_min if loaded.judge_batch else None,
        looks_for_work=looks_for_work,
        only_recordings=audio == "only",
        recordings=replace(RecordingOptions.of(loaded), ahead=audio != "none"),
        webhooks=WebhookOptions.of(loaded),
    )


def _bind(loaded: Options, host: str, port: int) -> WebServer:
    from callgauge.cli.web_server import web_server

    try:
        return web_server(loaded, host, port)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    except ValueError:
        raise click.ClickException(f"Cannot listen on {host}:{port}: there is no such address.") from None


def _offer_set_up(address: str) -> None:
    """Until there is an account, each start prints a link that makes the first owner."""
    from callgauge.flow.people import setup_link

    secret = setup_link()
    if secret is not None:
        click.echo(
            "There is no account yet. Make the first one (the link works once, for 7 days):\n\n"
            f"  {address.rstrip('/')}/set-up/{secret}\n"
        )


def _leave() -> NoReturn:
    raise SystemExit(0)


def stop_on_signals(stop: Callable[[], None] = _leave) -> None:
    """SIGTERM and Ctrl-C end the process in good order; those that follow do not cut that short.

    `stop` runs wherever the main thread is. It may raise only where that does nothing but wait: elsewhere
    what it leaves behind, a lock or a transaction, could be what the end has to wait for.
    """

    def on_signal(signum: int, frame: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        stop()

    for each in _STOPPING:
        signal.signal(each, on_signal)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reached(host: str) -> str:
    """Where this machine finds a server that listens on all its addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- it is not bound here
