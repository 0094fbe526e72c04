"""The command line: one door for people."""

from __future__ import annotations

import click

from callgauge.cli.agents import agent
from callgauge.cli.audio import audio
from callgauge.cli.audit import audit
from callgauge.cli.backup import backup, restore
from callgauge.cli.calls import call_group
from callgauge.cli.demo import demo
from callgauge.cli.doctor import doctor
from callgauge.cli.export import export
from callgauge.cli.fake_judge import fake_judge
from callgauge.cli.gate import gate
from callgauge.cli.import_calls import import_command
from callgauge.cli.judge_check import judge_check
from callgauge.cli.keys import key
from callgauge.cli.mcp import mcp
from callgauge.cli.metrics import metric
from callgauge.cli.migrate import migrate
from callgauge.cli.move import move_database
from callgauge.cli.preview import preview
from callgauge.cli.reparse import reparse
from callgauge.cli.replay import replay
from callgauge.cli.reruns import rerun_group
from callgauge.cli.retention import retention
from callgauge.cli.review import golden, review
from callgauge.cli.serve import serve
from callgauge.cli.settings import rotate_secret, settings
from callgauge.cli.users import user
from callgauge.cli.versions import noise_group, shadow_group, version_group
from callgauge.cli.webhooks import webhook_group
from callgauge.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="callgauge")
def main() -> None:
    """Callgauge takes in the calls of voice AI agents, measures them, and measures them again.

    Start with `callgauge serve`, make a key with `callgauge key create --project NAME`, and point a client
    at the server with CEKURA_API_URL and CEKURA_API_KEY. `callgauge demo` shows it all on sample calls.
    """


COMMANDS = (
    demo,
    serve,
    worker,
    migrate,
    user,
    key,
    agent,
    metric,
    preview,
    judge_check,
    fake_judge,
    review,
    golden,
    gate,
    version_group,
    shadow_group,
    noise_group,
    call_group,
    rerun_group,
    replay,
    audio,
    import_command,
    reparse,
    export,
    webhook_group,
    mcp,
    backup,
    restore,
    retention,
    audit,
    doctor,
    settings,
    move_database,
    rotate_secret,
)
for command in COMMANDS:
    main.add_command(command)
