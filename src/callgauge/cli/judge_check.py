"""`callgauge judge-check`: how well does a model judge?"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from callgauge.cli import bootstrap
from callgauge.domain.money import cost_words

if TYPE_CHECKING:
    from callgauge.domain.judging import Judge
    from callgauge.domain.options import Options
    from callgauge.engine.judge_check import Case, Checked, Row

LABELS = "scripted:labels"
SCRIPTED_WORDS = "Scripted judge: no model was asked, and these figures say nothing about one."


@click.command("judge-check", short_help="Measure how well a model judges.")
@click.option(
    "--model",
    metavar="PROVIDER:MODEL",
    help=f"The judge to check [CALLGAUGE_JUDGE]. {LABELS} asks nobody: each dialogue answers with its label.",
)
@click.option("--base-url", help="Address of the judge's API [CALLGAUGE_JUDGE_BASE_URL].")
@click.option("--metric", "slugs", multiple=True, metavar="SLUG", help="Only this metric; may be repeated.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Questions under way at once.",
)
@click.option(
    "--at-least",
    type=click.FloatRange(0, 1),
    help="End with 1 where a metric's accuracy is lower, such as 0.9.",
)
@click.option(
    "--misses", is_flag=True, help="Also list the answers that differ, with the reason of the label."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def judge_check(
    model: str | None,
    base_url: str | None,
    slugs: Sequence[str],
    concurrency: int,
    at_least: float | None,
    misses: bool,
    as_json: bool,
) -> None:
    """Put short dialogues to a model and compare its verdicts with those of a careful person.

    The dialogues and their labels come with Callgauge and cover the predefined metrics that a judge reads.
    Prints accuracy, Cohen's kappa and cost per metric. Every question is paid for at the model's usual price;
    --metric asks fewer. Ends with 1 where a question was not answered, or accuracy is below --at-least.
    """
    bootstrap.without_database()
    from callgauge.engine.judge_check import METRICS, NOT_COVERED, cases, rows_of

    heard = [slug for slug in slugs if slug in NOT_COVERED]
    if heard:
        raise click.UsageError(f"{', '.join(heard)}: asked about a recording, and the dialogues are text.")
    unknown = [slug for slug in slugs if slug not in METRICS]
    if unknown:
        raise click.UsageError(
            f"There are no dialogues for {', '.join(unknown)}; write {', '.join(METRICS)}."
        )
    asked = cases(slugs or METRICS)
    judge = _judge(bootstrap.load_options(), model, base_url, asked)
    click.echo(f"{len(asked)} questions to {judge.model}", err=True)
    checked = asyncio.run(_check(judge, asked, concurrency))
    rows = rows_of(checked)
    if as_json:
        click.echo(json.dumps(_document(judge, rows)))
    else:
        _show(judge, rows, misses=misses)
        if not slugs:
            names = ", ".join(one.name for one in NOT_COVERED.values())
            click.echo(f"Not checked, because the judge listens and the dialogues are text: {names}.")
    low = [row for row in rows if at_least is not None and (row.accuracy.value or 0.0) < at_least]
    if low:
        click.echo(f"Below {at_least:g}: {', '.join(row.metric.slug for row in low)}", err=True)
    sys.exit(1 if low or any(row.failed for row in rows) else 0)


def _judge(loaded: Options, model: str | None, base_url: str | None, asked: Sequence[Case]) -> Judge:
    from callgauge.engine.judge_check import LabelJudge
    from callgauge.judge import JudgeSettingError, open_judge
    from callgauge.worker.judges import judge_settings, key_for

    if model == LABELS:
        return LabelJudge(asked)
    wanted = model or loaded.judge
    try:
        key, url = key_for(loaded, wanted.partition(":")[0].strip().lower())
        settings = judge_settings(
            replace(loaded, judge=wanted, judge_api_key=key, judge_base_url=base_url or url)
        )
        if settings is None:
            raise click.UsageError("Name a judge by --model, or set CALLGAUGE_JUDGE.")
        return open_judge(settings)
    except JudgeSettingError as error:
        raise click.ClickException(str(error)) from None


async def _check(judge: Judge, asked: Sequence[Case], concurrency: int) -> list[Checked]:
    from rich.console import Console
    from rich.progress import Progress

    from callgauge.engine.judge_check import check

    console = Console(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("asking", total=len(asked))
            return await check(judge, asked, at_once=concurrency, done=lambda _: progress.advance(task))
    finally:
        await judge.close()


def _document(judge: Judge, rows: Sequence[Row]) -> dict[str, Any]:
    from callgauge.engine.judge_check import NOT_COVERED

    return {
        "model": judge.model,
        "scripted": judge.scripted,
        "not_covered": list(NOT_COVERED),
        "metrics": [
            {
                "metric": row.metric.slug,
                "asked": row.accuracy.n,
                "by_rule": row.by_rule,
                "failed": row.failed,
                "agreed": row.accuracy.count,
                "accuracy": row.accuracy.value,
                "accuracy_interval": asdict(row.accuracy.interval) if row.accuracy.interval else None,
                "kappa": row.kappa.value,
                "kappa_interval": asdict(row.kappa.interval) if row.kappa.interval else None,
                "low_trust": row.low_trust,
                **asdict(row.usage),
                "misses": [_miss(one) for one in row.misses],
            }
            for row in rows
        ],
    }


def _miss(one: Checked) -> dict[str, Any]:
    from callgauge.engine.judge_check.report import shown

    return {
        "dialogue": one.dialogue,
        "expected": shown(one.expected),
        "given": shown(one.given),
        "because": one.why,
        "explanation": list(one.given.explanation),
    }


def _show(judge: Judge, rows: Sequence[Row], *, misses: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table("metric", "agree", "accuracy", "kappa", "cost", "remarks", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            row.metric.name,
            f"{row.accuracy.count} of {row.accuracy.n}",
            _share(row),
            "-" if row.kappa.value is None else f"{row.kappa.value:.2f}",
            cost_words(row.usage.cost_usd, row.usage.unpriced_requests),
            _remarks(row),
        )
    console = Console()
    console.print(table)
    if judge.scripted:
        console.print(SCRIPTED_WORDS, style="bold")
    if misses:
        for row in rows:
            for miss in map(_miss, row.misses):
                console.print(f"{row.metric.slug} on {miss['dialogue']}: {miss['given']}", markup=False)
                console.print(f"  expected {miss['expected']}: {miss['because']}", markup=False)


def _share(row: Row) -> str:
    if row.accuracy.value is None:
        return "-"
    interval = row.accuracy.interval
    shown = f" ({interval.low:.0%} to {interval.high:.0%})" if interval else ""
    return f"{row.accuracy.value:.0%}{shown}"


def _remarks(row: Row) -> str:
    counts = (
        (row.failed, "failed"),
        (row.by_rule, "settled by rule"),
        (row.low_trust, "with a quote that is not there"),
    )
    return ", ".join(f"{count} {words}" for count, words in counts if count)
