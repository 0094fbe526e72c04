"""`callgauge gate`: hold a metric to known answers, with an exit code that a CI job can use."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import click

from callgauge.cli.remote import Remote, RemoteError

PASSED, FAILED, INCOMPLETE = 0, 1, 2
POLL_SECS: Final = 2.0
ENDED = frozenset({"done", "cancelled"})
SHOWN_FLIPS: Final = 10
ENDINGS: Final = {
    "passed": "The gate passed.",
    "failed": "The gate failed.",
    "incomplete": "The gate cannot decide: see above for what is missing.",
}


@click.command()
@click.option("--metric", required=True, metavar="ID|SLUG", help="The metric to judge.")
@click.option("--golden-set", metavar="ID|NAME", help="Known answers; else all that people gave.")
@click.option("--min-kappa", type=click.FloatRange(-1, 1), help="Least agreement, corrected for chance.")
@click.option("--min-accuracy", type=click.FloatRange(0, 1), help="Least share of equal answers.")
@click.option("--max-regressions", type=click.IntRange(0), help="Most calls right before and wrong now.")
@click.option("--min-cases", type=click.IntRange(1), help="Fewer calls with both answers decide nothing.")
@click.option("--version", type=click.IntRange(1), help="Version number; today's by default.")
@click.option("--baseline", type=click.IntRange(1), help="Version to compare with; else the one before.")
@click.option("--run/--no-run", default=True, help="Measure what the version has not measured yet (default).")
@click.option("--timeout", type=click.IntRange(1), default=1800, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gate(metric: str, run: bool, timeout: int, as_json: bool, **asked: Any) -> None:
    """Hold a metric to calls with known answers.

    Exits with 0 where it is good enough, 1 where it is not, and 2 where that cannot be said: calls that are
    not measured or could not be, too few of them, or no server. Talks to the server of CEKURA_API_URL with
    the key of CEKURA_API_KEY.
    """
    limits = ("min_kappa", "min_accuracy", "max_regressions")
    if all(asked[name] is None for name in limits):
        raise click.UsageError("Give at least one of --min-kappa, --min-accuracy and --max-regressions.")
    server = Remote()
    query = {"metric": metric, **asked}
    found = server.get("/callgauge/v1/gate", **query)
    if run and (found["missing"] or found["failed"]) and asked["version"] is None:
        _measure(server, metric, asked["golden_set"], timeout)
        found = server.get("/callgauge/v1/gate", **query)
    click.echo(json.dumps(found) if as_json else _words(found))
    sys.exit({"passed": PASSED, "failed": FAILED}.get(found["state"], INCOMPLETE))


def _measure(server: Remote, metric: str, golden_set: str | None, timeout: int) -> None:
    started = server.post("/callgauge/v1/gate/run", {"metric": metric, "golden_set": golden_set})
    end = time.monotonic() + timeout
    for rerun_id in started["reruns"]:
        while True:
            rerun = server.get(f"/callgauge/v1/reruns/{rerun_id}")
            if rerun["state"] in ENDED:
                break
            if rerun["state"] == "paused":
                raise RemoteError(
                    f"Rerun {rerun_id} is paused; it says why. Resume it and run the gate again."
                )
            if time.monotonic() > end:
                raise RemoteError(
                    f"Rerun {rerun_id} was not done after {timeout} seconds. It goes on; try again later."
                )
            done = rerun["scored"] + rerun["skipped"] + rerun["failed"]
            click.echo(f"measuring: {done} of {rerun['total']}", err=True)
            time.sleep(POLL_SECS)


def _words(found: dict[str, Any]) -> str:
    from callgauge.engine.agreement import say

    lines = [
        f"{found['metric']['name']}, version {found['version']}"
        + (f", golden set {found['golden_set']['name']}" if found["golden_set"] else ", all reviewed calls"),
        found["agreement"]["words"],
    ]
    for check in found["checks"]:
        lines.append(f"{'ok  ' if check['passed'] else 'FAIL'} {check['name']}: {check['text']}")
    if found["p_value"] is not None and (found["regressions"] or found["gains"]):
        lines.append(
            f"Against version {found['baseline']}: {len(found['regressions'])} lost, "
            f"{len(found['gains'])} gained (McNemar p = {found['p_value']:.2g})."
        )
    for flip in found["regressions"][:SHOWN_FLIPS]:
        lines.append(
            f"  call {flip['call_log_id']}: right is {say(flip['expected'])}, "
            f"was {say(flip['before'])}, is {say(flip['now'])}"
        )
    for name, words in (("missing", "not measured yet"), ("failed", "could not be computed")):
        if found[name]:
            shown = ", ".join(str(pk) for pk in found[name][:SHOWN_FLIPS])
            lines.append(f"{len(found[name])} calls {words}: {shown}{' …' if len(found[name]) > 10 else ''}")
    if found["stale"]:
        lines.append(f"{found['stale']} answers are stale and were not used.")
    lines.append(ENDINGS[found["state"]])
    return "\n".join(lines)
