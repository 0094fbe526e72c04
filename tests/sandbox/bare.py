"""Runs scripts of ours with a plain `exec` in a process of its own: what an answer should be."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_RUNNER = """
import contextlib, datetime, io, json, re, sys, types
job = json.load(sys.stdin)
answers = {}
for name, script in job["scripts"].items():
    # The one line that Python itself refuses, and that both backends tolerate.
    script = script.replace("from typing import str\\n", "pass\\n")
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    names.update(data=json.loads(json.dumps(job["data"])), json=json, re=re, datetime=datetime)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(script, name, "exec", dont_inherit=True), names)
        except SystemExit:
            pass
    answers[name] = [names["_result"], names.get("_explanation", []), names.get("_extra"), printed.getvalue()]
json.dump(answers, sys.stdout)
"""


def run_all(scripts: dict[str, str], data: dict[str, Any]) -> dict[str, list[Any]]:
    """`[_result, _explanation, _extra, printed]` by name."""
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER],
        input=json.dumps({"scripts": scripts, "data": data}),
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC0"},
    )
    answers: dict[str, list[Any]] = json.loads(done.stdout)
    return answers
