"""`callgauge worker`: what it refuses before it touches anything."""

from __future__ import annotations

from click.testing import CliRunner

from callgauge.cli import main


def test_a_worker_for_audio_only_that_takes_no_audio_is_refused() -> None:
    done = CliRunner().invoke(main, ["worker", "--audio-only", "--no-audio"])
    assert done.exit_code == 2
    assert "--audio-only and --no-audio exclude each other." in done.output
