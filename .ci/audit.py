"""Looks up known vulnerabilities of locked packages, with pip-audit: `python .ci/audit.py LOCK…`.

Ends with 1 where one is known. A service that cannot be reached, or that knows nothing of any package, is no
fault of the code: that ends with 0, and says in capitals that nothing was looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PIP_AUDIT = ["pip_audit", "--progress-spinner", "off", "--timeout", "10", "--disable-pip", "--require-hashes"]
SECS = 300


def main(locks: list[str]) -> int:
    return max([_audit(lock) for lock in locks], default=0)


def _audit(lock: str) -> int:
    command = [sys.executable, "-m", *PIP_AUDIT, "--format", "json", "-r", lock]
    try:
        ended = subprocess.run(  # noqa: S603 -- our own words and the names of lock files
            command, capture_output=True, text=True, timeout=SECS, check=False
        )
        found = judge(json.loads(ended.stdout)["dependencies"])
    except subprocess.TimeoutExpired:
        found = (0, [f"NOT AUDITED: nothing was answered within {SECS} seconds"])
    except (json.JSONDecodeError, KeyError):
        last = (ended.stderr.strip().splitlines() or ["no reason was given"])[-1]
        found = (0, [f"NOT AUDITED: {last[:300]}"])
    code, lines = found
    for line in lines:
        print(f"{lock}: {line}")
    return code


def judge(dependencies: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and what to say."""
    looked_up = [one for one in dependencies if "vulns" in one]
    unknown = [one["name"] for one in dependencies if "vulns" not in one]
    bad = [(one, fault) for one in looked_up for fault in one["vulns"]]
    if not looked_up:
        return 0, [f"NOT AUDITED: the service knows none of the {len(unknown)} packages (a mirror, perhaps)"]
    lines = [
        f"{one['name']} {one['version']}: {fault['id']}, "
        f"mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for one, fault in bad
    ]
    if unknown:
        lines.append(f"NOT AUDITED: {', '.join(unknown)}")
    lines.append(f"{len(looked_up)} packages looked up, {len(bad)} known vulnerabilities")
    return (1 if bad else 0), lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
