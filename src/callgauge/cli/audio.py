"""`callgauge audio`: what is heard in one file, without a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from callgauge.audio import Analysis

JSON_KEYS = ("duration_secs", "health", "speech", "latencies", "interruptions", "backchannels", "silences")
MINUTES_FROM_SECS = 60


@click.command(short_help="Measure a recording.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--agent-channel",
    type=click.IntRange(0),
    metavar="N",
    help="The agent's channel, from 0 on; without it, who speaks first is taken for the agent.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; times in seconds.")
@click.option(
    "--png", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture of the call."
)
def audio(file: Path, agent_channel: int | None, as_json: bool, picture: Path | None) -> None:
    """Measure FILE: who spoke when, how fast the agent answered, who broke in on whom.

    Reads wav, mp3, ogg and flac, and m4a and webm with the extra media. A figure with a ? is not sure; what
    cannot be known from the recording is left out, and the reason is printed.
    """
    from callgauge.audio import AudioError, analyse, render_png

    try:
        found = analyse(file, agent_channel=agent_channel)
    except AudioError as error:
        raise click.ClickException(f"{file}: {error}.") from None
    if picture is not None:
        try:
            render_png(found, picture)
        except OSError as error:
            raise click.ClickException(f"{picture} cannot be written: {error.strerror}.") from None
    if as_json:
        data = found.to_json()
        click.echo(json.dumps({name: data[name] for name in JSON_KEYS}))
        return
    _report(found)
    if picture is not None:
        click.echo(f"\nThe picture is in {picture}.")
    sys.stdout.flush()


def _report(found: Analysis) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    for line in (*_heading(found), "", *_figures(found)):
        console.print(line, markup=False)
    timeline = _timeline(found)
    if timeline is not None:
        console.print()
        console.print(timeline)


def _heading(found: Analysis) -> list[str]:
    health = found.health
    lines = [
        f"{_clock(found.duration_secs)} min, {health.format}, {health.sample_rate} Hz, "
        f"{health.channels} channel{'s' if health.channels > 1 else ''}"
    ]
    for name, side in (("agent", health.agent), ("caller", health.caller)):
        if side is None:
            continue
        who = "both parties" if health.agent_channel is None else name
        leak = "" if side.leak_db is None else f", hears the other at {side.leak_db:.0f} dB (removed)"
        lines.append(
            f"channel {side.channel}: {who}, speaks {side.speech_secs:.1f} s, "
            f"noise {side.snr_db:.0f} dB below the speech{leak}"
        )
    lines += [f"note: {note}" for note in health.notes]
    return lines


def _figures(found: Analysis) -> list[str]:
    from callgauge.audio import SURE

    refused = dict(found.health.refused)
    if found.health.agent_channel is None:
        reasons = sorted(set(refused.values()))
        return [
            f"not measured: latency, interruptions, backchannels ({'; '.join(reasons)})",
            *_silences(found),
        ]
    lines = []
    if "latencies" in refused:
        lines.append(f"latency: not measured ({refused['latencies']})")
    elif found.latencies:
        values = sorted(one.latency_ms for one in found.latencies)
        sure = sum(one.confidence >= SURE for one in found.latencies)
        over = "1 answer" if len(values) == 1 else f"{len(values)} answers"
        mean = sum(values) / len(values)
        lines.append(
            f"latency: {mean:.0f} ms on average over {over}, median {_median(values):.0f} ms, "
            f"slowest {values[-1]:.0f} ms; {sure} of {len(values)} sure"
        )
    else:
        lines.append("latency: the agent answers no turn of the caller")
    for by, other in (("agent", "caller"), ("caller", "agent")):
        if "interruptions" in refused:
            lines.append(f"{by} breaks in: not measured ({refused['interruptions']})")
            continue
        count = sum(one.by == by for one in found.interruptions)
        stops = [one.stop_ms for one in found.interruptions if one.by == by and one.stop_ms is not None]
        murmurs = sum(one.by == by for one in found.backchannels)
        stopped = f", the {other} stops after {sum(stops) / len(stops):.0f} ms" if stops else ""
        lines.append(f"{by} breaks in: {count} times{stopped}; {murmurs} backchannels")
    return [*lines, *_silences(found)]


def _silences(found: Analysis) -> list[str]:
    longest = max((end - start for start, end in found.silences), default=0.0)
    return [f"silence: {len(found.silences)} of a second or more, the longest {longest:.1f} s"]


def _timeline(found: Analysis) -> Any:
    """A table of the turns and what happened in them; None on a recording without parties."""
    from rich.table import Table

    from callgauge.audio import SURE

    if not found.turns:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("from", "to", "who", "what"):
        table.add_column(name, justify="right" if name in ("from", "to") else "left")
    answers = {round(one.agent_start, 3): one for one in found.latencies}
    events: list[Any] = [*found.interruptions, *found.backchannels]
    for turn in found.turns:
        said = []
        answer = answers.get(round(turn.start, 3)) if turn.party == "agent" else None
        if answer is not None:
            said.append(f"answers after {answer.latency_ms:.0f} ms{_mark(answer.confidence, SURE)}")
        for event in events:
            if event.by == turn.party and turn.start <= event.start < turn.end:
                said.append(_told(event, SURE))
        table.add_row(f"{turn.start:.2f}", f"{turn.end:.2f}", str(turn.party), ", ".join(said))
    return table


def _told(event: Any, sure: float) -> str:
    mark = _mark(event.confidence, sure)
    if hasattr(event, "overlap_ms"):
        stop = "who talks on" if event.stop_ms is None else f"who stops after {event.stop_ms:.0f} ms"
        other = "caller" if event.by == "agent" else "agent"
        return f"breaks in on the {other}, {stop}{mark}"
    return f"murmurs at {event.start:.2f}{mark}"


def _mark(confidence: float, sure: float) -> str:
    return "" if confidence >= sure else "?"


def _median(values: list[float]) -> float:
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _clock(secs: float) -> str:
    return f"{int(secs) // MINUTES_FROM_SECS}:{int(secs) % MINUTES_FROM_SECS:02d}"
