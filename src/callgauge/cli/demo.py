"""`callgauge demo`: the main job on sample calls, from import to rerun, with nothing left running."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from callgauge.cli import demo_report as report
from callgauge.cli.demo_server import Api, DemoError, Install, serving
from callgauge.flow.samples import cast

CALL_LOGS = "/observability/v2/call-logs/"
METRICS = "/test_framework/v2/metrics/"
POLL_SECS = 0.1
WAIT_SECS = 120.0
"""The whole evaluation takes some seconds; a busy machine may take many times that."""
JUDGE_AT_ONCE = 4
"""Few, so that the progress can be seen: the scripted judge answers in no time."""
MAX_WIDTH = 110
"""Wider tables are harder to read, not easier."""


@click.command(short_help="See it all on sample calls.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new or empty folder for the demo's data, which is then kept [else a temporary one].",
)
@click.option("--keep", is_flag=True, help="Keep the temporary data folder and say where it is.")
def demo(data_dir: Path | None, keep: bool) -> None:
    """See the main job done on sample calls: take calls in, measure them, change a metric, measure again.

    Starts a server of its own on a free port, speaks to it as any client would, and stops it at the end.
    The judge is scripted: its answers were written beside the sample calls, and no model is asked.
    """
    console = Console(highlight=False)
    if console.width > MAX_WIDTH:
        console = Console(highlight=False, width=MAX_WIDTH)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _end)
    try:
        with _folder(data_dir, keep) as folder:
            install = Install.fresh(
                folder,
                JUDGE=f"scripted:{cast.JUDGE_FILE}",
                JUDGE_CONCURRENCY=str(JUDGE_AT_ONCE),
                LOG_LEVEL="warning",
            )
            with serving(install) as address:
                played = _Demo(console, install, address).play()
            _what_next(console, folder if keep or data_dir else None, played)
    except DemoError as error:
        raise click.ClickException(str(error)) from None


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


@contextmanager
def _folder(given: Path | None, keep: bool) -> Iterator[Path]:
    if given is not None:
        if given.exists() and any(given.iterdir()):
            raise DemoError(f"{given} is not empty. The demo starts with a fresh data folder; name another.")
        given.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield given.resolve()
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="callgauge-demo-"))
    else:
        with tempfile.TemporaryDirectory(prefix="callgauge-demo-") as name:
            yield Path(name)


@dataclass(frozen=True, slots=True)
class _Made:
    """Ids of what the demo made, by name."""

    agents: Mapping[str, int]
    metrics: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Played:
    key: str
    page: str
    """Address, on whatever server, of the page that shows what the rerun changed."""


class _Demo:
    """The acts of the demo, in order; each says what it did."""

    def __init__(self, console: Console, install: Install, address: str) -> None:
        self._console = console
        self._install = install
        self._address = address
        self._step = 0

    def play(self) -> _Played:
        say = self._console.print
        say("[bold]Callgauge: take calls in, measure them, change a metric, measure them again.[/]")
        say(
            "[yellow]The judge of this demo is scripted:[/] its answers were written beside the sample "
            "calls, and no model is asked. They show how Callgauge works, not how well a model judges.\n"
        )
        self._say("Server", f"{self._address}, data in {self._install.data_dir}")
        key = self._install.run("key", "create", "--project", cast.PROJECT, "--name", "demo")
        self._api = Api(self._address, key["api_key"])
        made = self._set_up(key["project_id"])
        self._import(made)
        self._wait("measuring")
        self._vote(made)
        before = self._calls()
        self._change(made)
        self._rerun(made)
        after = self._calls()
        self._compare(before, after, list(made.metrics))
        return _Played(str(key["api_key"]), f"/projects/{key['project_id']}/reruns/{self._most_flips()}")

    def _set_up(self, project_id: int) -> _Made:
        agents = {
            name: self._api.post(
                "/test_framework/v2/aiagents/",
                {"name": name, "description": about, "project": project_id, "language": "en"},
            )["id"]
            for name, about in cast.AGENTS.items()
        }
        catalogue = {one["name"]: one for one in self._api.get("/test_framework/v1/predefined-metrics/")}
        copied = self._api.post(
            "/test_framework/v1/predefined-metrics/copy/",
            {
                "project_id": project_id,
                "predefined_metric_ids": [catalogue[name]["id"] for name in cast.RULE_METRICS],
            },
        )
        asked = [self._api.post(METRICS, {"type": "llm_judge", **one}) for one in cast.JUDGE_METRICS]
        metrics = {one["name"]: one["id"] for one in [*asked, *copied]}
        self._api.patch(f"/user/v1/projects/{project_id}/", {"rubric_config": cast.rubric(metrics)})
        self._say(
            "Set up",
            f"{len(agents)} agents; {len(asked)} metrics that a judge answers, {len(copied)} by rule; "
            "a rubric that decides whether a call succeeds",
        )
        return _Made(agents, metrics)

    def _import(self, made: _Made) -> None:
        paths = cast.copy_samples(self._install.data_dir / "samples", datetime.now(UTC))
        counts = []
        for agent, path in paths.items():
            done = self._install.run("import", str(path), "--agent", str(made.agents[agent]))
            counts.append(f"{done['added']} {agent}")
        self._say("Import", f"`callgauge import FILE.jsonl --agent ID`: {', '.join(counts)} calls")

    def _vote(self, made: _Made) -> None:
        by_id = {call["call_id"]: call["id"] for call in self._rows()}
        for vote in cast.VOTES:
            self._api.post(
                f"{CALL_LOGS}{by_id[vote.call_id]}/mark_metric_vote/",
                {
                    "metric_id": made.metrics[cast.CHANGED],
                    "thumbs_up": vote.thumbs_up,
                    "expected_value": vote.value,
                    "feedback": vote.feedback,
                },
            )
        said = ", ".join(f"{vote.call_id} {'pass' if vote.value else 'fail'}" for vote in cast.VOTES)
        self._say("Review", f"a person listens to {len(cast.VOTES)} calls and says: {said}")

    def _change(self, made: _Made) -> None:
        metric = self._api.patch(
            f"{METRICS}{made.metrics[cast.CHANGED]}/", {"description": cast.WORDING_AFTER}
        )
        self._say("Change", f'the wording of the metric "{metric["name"]}"')
        for sign, style, wording in (("-", "red", cast.WORDING_BEFORE), ("+", "green", cast.WORDING_AFTER)):
            self._hang(f"          {sign} ", wording, style)

    def _rerun(self, made: _Made) -> None:
        path = f"{CALL_LOGS}rerun_evaluation/"
        for agent_id in made.agents.values():
            self._api.post(path, {"agent_id": agent_id, "call_logs": "all"})
        first = next(iter(made.agents.values()))
        self._say("Rerun", f'for each agent, POST {path} {{"agent_id": {first}, "call_logs": "all"}}')
        self._wait("measuring again")

    def _wait(self, doing: str) -> None:
        started = time.monotonic()
        with Progress(
            TextColumn("          {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("calls"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            task = progress.add_task(doing)
            while True:
                rows = self._rows()
                pending = sum(report.is_pending(row) for row in rows)
                progress.update(task, total=len(rows), completed=len(rows) - pending)
                if not pending:
                    break
                if time.monotonic() - started > WAIT_SECS:
                    raise DemoError(f"{pending} calls were not measured within {WAIT_SECS:.0f} s.")
                time.sleep(POLL_SECS)
        calls = [report.seen(row) for row in rows]
        outcomes = {
            name: sum(call.outcomes.get(name, 0) for call in calls)
            for name in ("scored", "skipped", "failed")
        }
        self._hang(
            "          ",
            f"{len(calls)} calls measured: {sum(outcomes.values())} results, {outcomes['scored']} scored, "
            f"{outcomes['skipped']} skipped, {outcomes['failed']} failed",
        )

    def _compare(
        self, before: Sequence[report.Seen], after: Sequence[report.Seen], metrics: Sequence[str]
    ) -> None:
        said = {vote.call_id: vote.feedback for vote in cast.VOTES}
        flipped = [name for name in metrics if report.flips(before, after, name)]
        for table in (
            report.metric_table(before, after, metrics, cast.CHANGED),
            *(report.flip_table(before, after, name) for name in flipped),
            report.review_table(before, after, cast.CHANGED, said),
        ):
            self._console.print()
            self._console.print(table)

    def _most_flips(self) -> int:
        """The rerun that changed most."""
        flips: dict[int, int] = {}
        for one in self._api.get("/callgauge/v1/reruns/")["results"]:
            found = self._api.get(f"/callgauge/v1/reruns/{one['id']}/diff/")
            flips[one["id"]] = sum(metric["flipped_calls_total"] for metric in found["metrics"])
        return max(flips, key=lambda pk: flips[pk])

    def _rows(self) -> list[Any]:
        rows: list[Any] = self._api.get(f"{CALL_LOGS}?page_size=100")["results"]
        return sorted(rows, key=lambda call: str(call["call_id"]))

    def _calls(self) -> list[report.Seen]:
        return [report.seen(row) for row in self._rows()]

    def _say(self, act: str, text: str) -> None:
        self._step += 1
        self._hang(f"{self._step} {act:<8}", text)

    def _hang(self, head: str, text: str, style: str = "") -> None:
        """Text whose further lines are set in as far as its head is long."""
        width = max(20, self._console.width - len(head))
        for number, line in enumerate(Text(text, style=style).wrap(self._console, width)):
            lead = head if number == 0 else " " * len(head)
            line.rstrip()
            self._console.print(Text.assemble((lead, style or "bold cyan"), line))


def _what_next(console: Console, kept: Path | None, played: _Played) -> None:
    """The last line is the address of what the rerun changed, where the data is kept."""
    program = "callgauge" if shutil.which("callgauge") else sys.argv[0]
    rows = [
        ("A server that stays", ["make serve", "http://127.0.0.1:8000, with its data in ./data"]),
        (
            "Your own calls",
            [
                f"{program} agent create --project NAME --name NAME",
                f"{program} import FILE.jsonl --agent ID",
            ],
        ),
        (
            "Cekura's own client",
            [
                f"{program} key create --project NAME",
                "CEKURA_API_URL=http://127.0.0.1:8000 CEKURA_API_KEY=KEY cekura calls list",
            ],
        ),
        ("A real model", ["CALLGAUGE_JUDGE=openai:gpt-4.1-mini CALLGAUGE_JUDGE_API_KEY=KEY make serve"]),
    ]
    console.print("\n[bold]What next[/]")
    for title, lines in rows:
        console.print(Text(f"  {title}", style="bold cyan"))
        for line in lines:
            console.print(Text(f"    {line}"), soft_wrap=True)
    if kept is None:
        console.print(
            "\nThe demo's server has stopped, and its data is gone; --keep keeps it.", soft_wrap=True
        )
        return
    judge, folder = shlex.quote(f"scripted:{cast.JUDGE_FILE}"), shlex.quote(_short(kept))
    start = "make serve DATA_DIR=" if "MAKELEVEL" in os.environ else f"{program} serve --data-dir "
    console.print(f"\nThe demo's server has stopped. Its data is kept in {kept}.", soft_wrap=True)
    console.print("\n[bold]See what the rerun changed, and all the rest, in pages[/]")
    for line in (
        f"CALLGAUGE_JUDGE={judge} {start}{folder}",
        "It prints a link that makes your account (for scripts, the API key: " + played.key + "). Then open",
        f"http://127.0.0.1:8000{played.page}",
    ):
        console.print(Text(f"    {line}"), soft_wrap=True)


def _short(folder: Path) -> str:
    """As one would type it from here."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
