"""`callgauge metric`: look after metrics without a browser."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from callgauge.cli import bootstrap

if TYPE_CHECKING:
    from callgauge.engine.lint import Advice

UNUSABLE = 2
"""Exit code for a file that is no metric; 1 is for warnings."""

SCRIPT = ".py"


@click.group()
def metric() -> None:
    """Check metrics and try them on past calls."""


@metric.command(short_help="Find what is probably not meant.")
@click.argument("files", nargs=-1, type=click.File(encoding="utf-8"))
@click.option("--saved", is_flag=True, help="Check the metrics that are saved on this server.")
@click.option("--project", help="With --saved: only the metrics of this project (name or id).")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@bootstrap.data_dir_option
def lint(
    files: Sequence[IO[str]], saved: bool, project: str | None, as_json: bool, data_dir: Path | None
) -> None:
    """Say what is probably not meant about a metric, before it costs anything.

    FILES hold metrics as the API takes them: one JSON object, or an array of them; - reads standard input.
    A file that ends with .py is the script of a Python metric. No model is asked, and no script run. Ends
    with 0 where there is nothing to say, with 1 where there are warnings, and with 2 where a file cannot be
    used.
    """
    if bool(files) == saved:
        raise click.UsageError("Name files with metrics, or give --saved.")
    if project and not saved:
        raise click.UsageError("--project goes with --saved.")
    found = list(_saved(project, data_dir) if saved else _in_files(files))
    if as_json:
        rows = [
            {"metric": name, "code": one.code, "field": one.field, "message": one.message}
            for name, advice in found
            for one in advice
        ]
        click.echo(json.dumps(rows))
    else:
        _show(found)
    sys.exit(1 if any(advice for _, advice in found) else 0)


def _in_files(files: Sequence[IO[str]]) -> Iterator[tuple[str, list[Advice]]]:
    bootstrap.without_database()
    for file in files:
        bodies = read_bodies(file)
        for position, body in enumerate(bodies):
            where = file.name if len(bodies) == 1 else f"{file.name}, metric {position + 1}"
            yield _in_body(where, body)


def read_bodies(file: IO[str], *, change: bool = False) -> list[dict[str, Any]]:
    """The metrics of a file, as the API takes them, or the `change` to one. A script is a metric that is
    named like its file, or the change of the script only. Ends the command where there are none."""
    try:
        if is_script(file):
            code = {"custom_code": file.read()}
            new = {"name": Path(file.name).stem, "type": "custom_code", "eval_type": "binary", **code}
            return [code if change else new]
        document = json.load(file)
    except UnicodeDecodeError:
        unusable(f"{file.name} is not UTF-8 text.")
    except (json.JSONDecodeError, RecursionError) as error:
        unusable(f"{file.name} is no JSON: {error}. A script's name must end with {SCRIPT}")
    bodies = document if isinstance(document, list) else [document]
    if not bodies or not all(isinstance(body, dict) for body in bodies):
        unusable(f"{file.name} must hold a metric as a JSON object, or an array of them.")
    return bodies


def is_script(file: IO[str]) -> bool:
    return file.name.endswith(SCRIPT)


def unusable(words: str) -> Any:
    click.echo(f"Error: {words}", err=True)
    sys.exit(UNUSABLE)


def _in_body(where: str, body: dict[str, Any]) -> tuple[str, list[Advice]]:
    from rest_framework.exceptions import ValidationError

    from callgauge.api.metrics_shape import MetricShape, change_of
    from callgauge.engine.lint import Draft, lint
    from callgauge.flow.dependencies import compiled
    from callgauge.flow.errors import Invalid
    from callgauge.flow.metric_fields import whole_metric
    from callgauge.flow.metrics import spec_of
    from callgauge.store.models import MetricVersion

    try:
        said = MetricShape.check(body)
        frozen = whole_metric(change_of(said, None).frozen)
        compiled(frozen)
    except ValidationError as error:
        unusable(f"{where}: {_faults(error.detail)}")
    except Invalid as error:
        unusable(f"{where}: {_faults(error.messages)}")
    version = MetricVersion(pk=0, metric_id=0, **frozen)
    declared = said.get("metric_description_variables") or []
    draft = Draft(
        spec_of(version),
        hears=version.audio_enabled,
        declared_variables=[name for name in declared if isinstance(name, str)],
    )
    return version.name, lint(draft)


def _faults(messages: Any) -> str:
    return "; ".join(f"{name}: {' '.join(str(text) for text in texts)}" for name, texts in messages.items())


def _saved(project: str | None, data_dir: Path | None) -> Iterator[tuple[str, list[Advice]]]:
    bootstrap.start(data_dir)
    from django.db.models import Q

    from callgauge.flow.lint import advice_on
    from callgauge.store.models import Metric

    metrics = Metric.objects.filter(deleted_at=None).select_related("current_version", "project")
    if project:
        named = Q(project__name=project) | Q(project_id=int(project) if project.isdecimal() else None)
        metrics = metrics.filter(named)
        if not metrics.exists():
            raise click.ClickException(f"There is no project {project!r} with metrics.")
    for one in metrics.order_by("project_id", "display_order", "id"):
        yield f"{one.project.name} / {one.name}", advice_on(one)


def _show(found: Sequence[tuple[str, Sequence[Advice]]]) -> None:
    for name, advice in found:
        for one in advice:
            click.echo(f"{click.style(name, bold=True)}: {one.message} [{one.code}, {one.field}]")
    count = sum(len(advice) for _, advice in found)
    metrics = f"{len(found)} metric{'' if len(found) == 1 else 's'}"
    click.echo(f"{metrics}, {count} warning{'' if count == 1 else 's'}", err=True)
