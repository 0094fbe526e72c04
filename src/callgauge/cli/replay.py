"""`callgauge replay`: compute a result again from its file, with neither a server nor a model."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from importlib.metadata import version
from typing import IO, TYPE_CHECKING, Any, Final

import click

from callgauge.cli import bootstrap

if TYPE_CHECKING:
    from callgauge.engine.replay import Bundle, Replayed

EQUAL, DIFFERENT, NOT_DONE = 0, 1, 2
SCRIPTS_AT_ONCE: Final = 1


class ReplayError(click.ClickException):
    exit_code = NOT_DONE


@click.command(short_help="Compute a result again from its file.")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(file: IO[str], as_json: bool) -> None:
    """Compute a result again from its replay file, and say whether it comes out the same.

    FILE is what the page of a call or the API gives for a result; - reads standard input. Nobody is asked:
    the judge's answers stand in the file, and Python runs in the sandbox of this machine. Ends with 0 where
    the result is equal, 1 where it differs, and 2 where it cannot be computed or the file is no good.
    """
    bootstrap.without_database()
    from callgauge.engine.replay import BadBundle, CannotReplay, read_bundle

    try:
        bundle = read_bundle(file.read())
        found = asyncio.run(_replay(bundle))
    except UnicodeDecodeError:
        raise ReplayError("This is not a replay file: it is not text.") from None
    except (BadBundle, CannotReplay) as error:
        raise ReplayError(str(error)) from None
    click.echo(json.dumps(_document(bundle, found)) if as_json else _words(bundle, found))
    sys.exit(EQUAL if found.is_equal else DIFFERENT)


async def _replay(bundle: Bundle) -> Replayed:
    from callgauge.domain.metrics import MetricSpec
    from callgauge.domain.outcomes import Outcome
    from callgauge.engine.evaluate import Ask
    from callgauge.engine.nested import NestedJudge
    from callgauge.engine.replay import replay
    from callgauge.worker.scripts import Scripts
    from callgauge.worker.slots import URGENT

    logging.getLogger("callgauge").setLevel(logging.WARNING)  # what is said here is said by the result
    scripts = Scripts(bootstrap.load_options().sandbox, in_flight=SCRIPTS_AT_ONCE)

    hear = None if bundle.recording is None else bundle.recording.hear

    async def run(spec: MetricSpec, data: dict[str, Any], ask: Ask | None) -> Outcome:
        judge = None if ask is None else NestedJudge(bundle.call, spec, ask, hear=hear, reasks=bundle.reasks)
        return await scripts.run(spec, data, judge, URGENT)

    try:
        return await replay(bundle, run)
    finally:
        await scripts.stop()


def _document(bundle: Bundle, found: Replayed) -> dict[str, Any]:
    return {
        "equal": found.is_equal,
        "result": bundle.about,
        "stored": bundle.score,
        "replayed": found.score,
        "differences": {
            name: {"stored": old, "replayed": new} for name, (old, new) in found.differences.items()
        },
        "notes": _notes(bundle, found),
    }


def _words(bundle: Bundle, found: Replayed) -> str:
    about = bundle.about
    lines = [
        f"{about['metric']}, version {about['version']}, on call {about['call_id']} "
        f"(result {about['id']}, {about['created_at'][:19]}): {_value(bundle.score)}"
    ]
    if found.is_equal:
        lines.append("Equal: the replay gives the same.")
    for name, (old, new) in found.differences.items():
        lines.append(
            f"DIFFERS in {name.replace('_', ' ')}: {_short(old)} was stored, {_short(new)} comes out."
        )
    return "\n".join([*lines, *(f"note: {note}" for note in _notes(bundle, found))])


def _notes(bundle: Bundle, found: Replayed) -> list[str]:
    mine = version("callgauge")
    other = [] if bundle.made_by == mine else [f"The file is of Callgauge {bundle.made_by}, this is {mine}."]
    return [*other, *bundle.notes, *found.notes]


def _value(score: Any) -> str:
    value = score["value"]
    if isinstance(value, bool):
        return "pass" if value else "fail"
    return (
        score["outcome"] + (f", {score['reason']}" if score["reason"] else "")
        if value is None
        else f"{value}"
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
