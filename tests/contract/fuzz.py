"""`make fuzz`: schemathesis over our own OpenAPI, against a fresh server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.contract.conformance.stage import DESCRIPTION, TURNS, fresh_server

SEED = 20261125
EXAMPLES = 10
"""Of each operation. `make fuzz ARGS="--phases coverage"` covers each constraint of each schema instead: some
two hundred thousand cases, most of an hour."""
LIMIT_SECS = 600
LEFT_OUT = {
    "positive_data_acceptance": "what a schema allows may name rows that do not exist, or break a rule "
    "across fields (a metric's labels, an alert's threshold): both are 400",
}
"""Checks that are off, each with its reason."""


def main() -> int:
    with tempfile.TemporaryDirectory() as name, fresh_server(Path(name)) as server:
        server.make_key()
        agent = server.post("/test_framework/v2/aiagents/", {"name": "A", "description": DESCRIPTION})["id"]
        call = {"agent": agent, "call_id": "one", "transcript_type": "cekura", "transcript_json": TURNS}
        server.post("/observability/v1/observe/", call)
        ask = {"name": "M", "type": "llm_judge", "eval_type": "binary", "description": "Is it so?"}
        server.post("/test_framework/v1/metrics/", ask)
        for check, reason in LEFT_OUT.items():
            print(f"off: {check}: {reason}")
        sys.stdout.flush()
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json"),
            *("--header", f"X-CEKURA-API-KEY: {server.key}"),
            *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--phases", "fuzzing"),
            *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
            *("--workers", "2", "--continue-on-failure", "--generation-database", "none"),
            *("--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "60"),
            *("--exclude-operation-id-regex", "user-api-key-create|projects.*destroy"),
            *sys.argv[1:],
        ]
        # In the folder of its own: what an earlier run found must not change what this one tries.
        return subprocess.run(command, timeout=LIMIT_SECS, cwd=name, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
