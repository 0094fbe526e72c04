"""`python -m benchmarks.lists`: see the README beside this file."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from benchmarks.lists.load import LAYOUTS, TIERS, Loaded, load

SETTINGS = "callgauge.config.settings"
URL = "/observability/v2/call-logs/"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="spread")
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--postgresql", metavar="URL", help="a server where a database may be made")
    parser.add_argument("--data-dir", type=Path, help="keep the SQLite file here, or use it if it is there")
    parser.add_argument("--plans", action="store_true", help="print the query plans too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _database(options, Path(folder)):
        loaded = _loaded(options)
        kinds = _kinds(loaded)
        if options.plans:
            _print_plans(loaded, kinds)
        print(f"{'list of 50':<44}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}{'CPU ms':>8}{'found':>9}")
        for name, make in kinds.items():
            _measure(name, make, loaded, options.requests)


@contextmanager
def _database(options: argparse.Namespace, folder: Path) -> Iterator[None]:
    os.environ.update({"DJANGO_SETTINGS_MODULE": SETTINGS, "CALLGAUGE_SECRET_KEY": "benchmark"})
    os.environ["CALLGAUGE_DATA_DIR"] = str(options.data_dir or folder)
    if options.data_dir:
        options.data_dir.mkdir(parents=True, exist_ok=True)
    if not options.postgresql:
        _set_up()
        yield
        return
    import psycopg

    parts = urlsplit(options.postgresql)
    name = f"callgauge_lists_{os.getpid()}"
    with psycopg.connect(options.postgresql, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            os.environ["CALLGAUGE_DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
            _set_up()
            yield
        finally:
            from django.db import connection

            connection.close()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _loaded(options: argparse.Namespace) -> Loaded:
    kept = options.data_dir / "loaded.json" if options.data_dir and not options.postgresql else None
    if kept is not None and kept.exists():
        return Loaded(**json.loads(kept.read_text()))
    loaded = load(options.calls, LAYOUTS[options.layout])
    print(f"{options.calls:,} calls, layout {options.layout}, loaded in {loaded.secs:.0f} s", flush=True)
    if kept is not None:
        kept.write_text(json.dumps({name: getattr(loaded, name) for name in Loaded.__slots__}))
    return loaded


Query = dict[str, Any]


def _kinds(loaded: Loaded) -> dict[str, Callable[[random.Random], Query]]:
    binary = [pk for eval_type, pk in loaded.metrics if eval_type == "binary"]

    def main_one(rng: random.Random) -> Query:
        tree = _and(
            {
                "operator": "or",
                "conditions": [_leaf("success", "eq", False), _leaf("duration", "gt", 60)],
            },
            _leaf("metadata.tier", "eq", rng.choice(TIERS)),
            _leaf("metric_evaluations.value", "eq", False, metric_id=rng.choice(binary)),
        )
        return {"filters_v2": tree}

    def containing(field: str, text: str) -> Callable[[random.Random], Query]:
        return lambda rng: {"filters_v2": _and(_leaf(field, "contains", f"{text}{rng.randrange(10)}"))}

    return {
        "no filter": lambda rng: {},
        "success or duration, tier, metric's value": main_one,
        "the same, page 3": lambda rng: main_one(rng) | {"page": 3},
        "metadata contains": containing("metadata.campaign", "aign-1"),
        "call_id contains": containing("call_id", "a1"),
        "transcript contains (nothing found)": containing("transcript", "nowhere"),
    }


def _leaf(field: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value, **more}


def _and(*conditions: dict[str, Any]) -> str:
    return json.dumps({"operator": "and", "conditions": list(conditions)})


def _measure(name: str, make: Callable[[random.Random], Query], loaded: Loaded, requests: int) -> None:
    from rest_framework.test import APIClient

    client = APIClient(HTTP_X_CEKURA_API_KEY=loaded.secret, SERVER_NAME="127.0.0.1")
    rng = random.Random(7)
    walls, found = [], []
    began = 0.0
    for number in range(requests + 5):  # the first five warm up
        if number == 5:
            began = time.process_time()
        query = {"agent_id": rng.choice(loaded.agents), "page_size": 50} | make(rng)
        start = time.perf_counter()
        response = client.get(URL, query)
        wall = (time.perf_counter() - start) * 1000
        if response.status_code != 200:
            sys.exit(f"{name}: {response.status_code} {response.content[:500]!r}")
        if number >= 5:
            walls.append(wall)
            found.append(json.loads(response.content)["count"])
    cpu = (time.process_time() - began) * 1000 / requests
    walls.sort()
    p95 = walls[int(len(walls) * 0.95)]
    print(
        f"{name:<44}{statistics.median(walls):>8.1f}{p95:>8.1f}{walls[-1]:>8.1f}{cpu:>8.1f}"
        f"{statistics.median(found):>9,.0f}",
        flush=True,
    )


def _print_plans(loaded: Loaded, kinds: dict[str, Callable[[random.Random], Query]]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from rest_framework.test import APIClient

    explain = "EXPLAIN (ANALYZE)" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    client = APIClient(HTTP_X_CEKURA_API_KEY=loaded.secret, SERVER_NAME="127.0.0.1")
    for name, make in kinds.items():
        query = {"agent_id": loaded.agents[0], "page_size": 50} | make(random.Random(7))
        with CaptureQueriesContext(connection) as queries:
            client.get(URL, query)
        for asked in queries:
            print(f"\n-- {name}: {float(asked['time']) * 1000:.1f} ms\n{asked['sql'][:1500]}")
            if "store_calllog" not in asked["sql"]:
                continue
            with connection.cursor() as cursor:
                cursor.execute(
                    f"{explain} {asked['sql']}".replace("%", "%%") if False else f"{explain} {asked['sql']}"
                )
                for row in cursor.fetchall():
                    print("   ", row[-1])


if __name__ == "__main__":
    main()
