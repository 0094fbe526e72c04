"""`python -m benchmarks.overview`: see the README beside this file."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.lists.load import LAYOUTS, Loaded, load

REPEATS = 9


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overview")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="dense")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "callgauge.config.settings",
            "CALLGAUGE_SECRET_KEY": "benchmark",
            "CALLGAUGE_DATA_DIR": str(Path(folder)),
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        loaded = load(options.calls, LAYOUTS[options.layout])
        print(f"{options.calls:,} calls with 10 metrics each, loaded in {loaded.secs:.0f} s", flush=True)
        _measure(loaded)


def _measure(loaded: Loaded) -> None:
    from datetime import timedelta

    from django.test import Client
    from django.utils import timezone

    from callgauge.flow.people import NewAccount, create_user
    from callgauge.store.models import Agent, CallLog, Role

    CallLog.objects.update(updated_at=timezone.now() - timedelta(hours=1))  # nothing is being measured
    project = Agent.objects.get(pk=loaded.agents[0]).project
    client = Client(SERVER_NAME="127.0.0.1")
    account = NewAccount("ada@example.com", "correct horse battery")
    client.force_login(create_user(account, project.organization.name, Role.OWNER))
    base = f"/projects/{project.pk}/overview"
    client.get("/sign-in")  # the first request of a process loads all pages: `serve` does that at its start

    def ask(query: str, *, further: bool = False) -> tuple[float, int]:
        """Seconds, and how many days are still to be counted."""
        began = time.perf_counter()
        answer = client.get(base + query, headers={"HX-Request": "true"} if further else {})
        secs = time.perf_counter() - began
        assert answer.status_code == 200
        left = re.search(r"results of (\d+) of", answer.content.decode())
        return secs, int(left[1]) if left else 0

    for query in ("?window=30d", "?window=24h", "?window=90d", f"?window=30d&agent={loaded.agents[0]}"):
        first, left = ask(query)
        further = 0.0
        while left:
            secs, left = ask(query, further=True)
            further += secs
        again = [ask(query)[0] for _ in range(REPEATS)]
        median, worst = statistics.median(again), max(again)
        print(
            f"{query:<24} opens in {first * 1000:4.0f} ms, counted after {further:4.1f} s more; "
            f"from then on {median * 1000:4.0f} ms, at worst {worst * 1000:4.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
