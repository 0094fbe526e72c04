"""The contract of `Sandbox.run`: names, errors with the author's line, limits, printing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from callgauge.sandbox import Code, Limits, Sandbox, ScriptFailed, ScriptOk
from tests.sandbox.calls import data


def ok(sandbox: Sandbox, script: str, **named: Any) -> ScriptOk:
    outcome = sandbox.run(script, data(), **named)
    assert isinstance(outcome, ScriptOk), outcome
    return outcome


def bad(sandbox: Sandbox, script: str, **named: Any) -> ScriptFailed:
    outcome = sandbox.run(script, data(), **named)
    assert isinstance(outcome, ScriptFailed), outcome
    return outcome


@pytest.mark.parametrize(
    ("set_to", "result"),
    [
        ("True", True),
        ("0", 0),
        ("4.5", 4.5),
        ("'label'", "label"),
        ("None", None),
        ("[1, (2, 3)]", [1, [2, 3]]),
        ("{'a': {'b': []}, 1: 2}", {"a": {"b": []}, "1": 2}),
        ("-2 ** 63", -(2**63)),
    ],
)
def test_results(set_to: str, result: Any, sandbox: Sandbox) -> None:
    assert ok(sandbox, f"_result = {set_to}").result == result


@pytest.mark.parametrize(
    ("set_to", "sentences"),
    [("'one'", ["one"]), ("['a', 'b']", ["a", "b"]), ("[]", []), ("None", []), ("['n', 3]", ["n", "3"])],
)
def test_explanations(set_to: str, sentences: list[str], sandbox: Sandbox) -> None:
    assert ok(sandbox, f"_result = 1\n_explanation = {set_to}").explanation == sentences


def test_only_the_result_is_needed(sandbox: Sandbox) -> None:
    outcome = ok(sandbox, "_result = False")
    assert (outcome.result, outcome.explanation, outcome.extra) == (False, [], None)


def test_no_result(sandbox: Sandbox) -> None:
    failure = bad(sandbox, "result = 1")
    assert failure.code == Code.NO_RESULT
    assert "_result" in failure.message


@pytest.mark.parametrize(
    "set_to",
    [
        "_result = float('nan')",
        "_result = float('inf')",
        "_result = {1, 2}",
        "_result = b'bytes'",
        "_result = 10 ** 30",
        "_result = lambda: 1",
        "import decimal\n_result = decimal.Decimal('1.5')",
        "_result = datetime.date(2025, 1, 1)",
        "_result = []\n_result.append(_result)",
        "_result = {}\n_result['a'] = _result",
        "_result = {(1, 2): 3}",
        "_result = 1\n_extra = [1]",
        "_result = 1\n_extra = {'a': {1}}",
        "_result = 1\n_explanation = {'a': 1}",
        "_result = 1\n_explanation = [['a']]",
        "class E:\n    def __str__(self):\n        raise SystemError\n_result = E()",
        "class E:\n    pass\n_result = [E()]",
    ],
)
def test_results_that_json_does_not_have(set_to: str, sandbox: Sandbox) -> None:
    assert bad(sandbox, set_to).code == Code.BAD_RESULT


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("_result = {'a': [1, {2}]}", "_result['a'][1] is of type set, which JSON does not have: use sorted"),
        ("_result = datetime.datetime(2025, 1, 1)", "use .isoformat()"),
        ("_result = (x for x in [1])", "use list(...)"),
        ("_result = 0\n_extra = {'x': float('-inf')}", "_extra['x'] is -inf"),
        ("_result = []\n_result.append(_result)", "contains itself"),
    ],
)
def test_a_bad_result_is_told_with_its_place_and_a_way_out(script: str, says: str, cpython: Sandbox) -> None:
    assert says in bad(cpython, script).message


def test_subclasses_cannot_run_code_while_they_are_read(cpython: Sandbox) -> None:
    script = """
class D(dict):
    def items(self): raise SystemError
    def __iter__(self): raise SystemError
class L(list):
    def __iter__(self): raise SystemError
    def __len__(self): raise SystemError
class S(str):
    def __str__(self): raise SystemError
    def __hash__(self): return 1
class I(int):
    def __int__(self): raise SystemError
    def __index__(self): raise SystemError
class F(float):
    def __float__(self): raise SystemError
_result = D({S("k"): L([S("v"), I(7), F(0.5)])})
"""
    assert ok(cpython, script).result == {"k": ["v", 7, 0.5]}


def test_result_too_large(sandbox: Sandbox) -> None:
    fits = ok(sandbox, "_result = 'x' * 1_000_000")
    assert len(fits.result) == 1_000_000
    assert bad(sandbox, "_result = 'x' * 1_100_000").code == Code.RESULT_TOO_LARGE
    assert bad(sandbox, "_result = 1\n_extra = {'a': 'x' * 1_100_000}").code == Code.RESULT_TOO_LARGE
    little = Limits(result_bytes=200)
    assert (
        bad(sandbox, "_result = 1\n_explanation = ['x' * 300]", limits=little).code == Code.RESULT_TOO_LARGE
    )


@pytest.mark.parametrize(
    ("script", "line", "says"),
    [
        ("x = 1\n\ny = data['missing']\n_result = 1", 3, "KeyError"),
        ("def f(v):\n    return v['a']\n\n_result = f(3)", 2, "TypeError"),
        ("x = 1\n_result = json.loads('no')", 2, "JSONDecodeError"),
        ("# a comment\n\n\nraise ValueError('my own words')", 4, "my own words"),
        ("_result = undefined_name", 1, "NameError"),
    ],
)
def test_errors_name_the_authors_line(script: str, line: int, says: str, sandbox: Sandbox) -> None:
    failure = bad(sandbox, script)
    assert failure.code == Code.SCRIPT
    assert failure.line == line
    assert failure.message.startswith(f"line {line}: ")
    assert says in failure.message
    assert failure.message.endswith(script.splitlines()[line - 1].strip())
    assert not failure.retryable


@pytest.mark.parametrize(
    ("script", "line"),
    [("x = 1\nif x\n    pass", 2), ("_result = (1", 1), ("_result = 1\n  y = 2", 2), ("return 1", 1)],
)
def test_syntax_errors_name_the_line(script: str, line: int, cpython: Sandbox) -> None:
    failure = bad(cpython, script)
    assert failure.code == Code.SYNTAX
    assert failure.line == line


@pytest.mark.parametrize("script", ["x = 1\nif x\n    pass", "_result = (1", "_result = 1\n  y = 2"])
def test_syntax_errors_on_monty(script: str, monty: Sandbox) -> None:
    failure = bad(monty, script)
    assert failure.code == Code.SYNTAX
    assert failure.line


@pytest.mark.parametrize("script", ["_result = 1\0", "_result = '\ud800'"])
def test_texts_that_are_no_source(script: str, sandbox: Sandbox) -> None:
    outcome = sandbox.run(script, data())
    assert isinstance(outcome, ScriptFailed) or outcome.result == "�"


def test_forbidden_modules_are_told_what_is_allowed(cpython: Sandbox) -> None:
    for script in ("import os", "import requests", "from subprocess import run", "import urllib.request"):
        failure = bad(cpython, "x = 1\n" + script)
        assert failure.code == Code.MODULE
        assert failure.line == 2
        assert "Allowed:" in failure.message
        assert "statistics" in failure.message


def test_printed_text_comes_back_and_is_cut_off(sandbox: Sandbox) -> None:
    assert ok(sandbox, "print('a', 1)\n_result = 1").printed == "a 1\n"
    assert bad(sandbox, "print('before')\n1 / 0").printed == "before\n"
    cut = ok(sandbox, "for i in range(2000):\n    print('0123456789')\n_result = 1").printed
    assert cut == ("0123456789\n" * 910)[:10_000] + "… (12000 more characters)"


def test_printed_text_may_hold_anything(cpython: Sandbox) -> None:
    assert ok(cpython, "print('\\0\\ud800é', end='')\n_result = 1").printed == "��é"


def test_input_and_stderr(cpython: Sandbox) -> None:
    assert bad(cpython, "input()").code == Code.SCRIPT
    assert ok(cpython, "import sys\nprint('e', file=sys.stderr)\n_result = 1").printed == "e\n"


def test_data_is_the_scripts_own_copy(sandbox: Sandbox) -> None:
    mine = data()
    sandbox.run("data['transcript_json'].clear()\ndata['new'] = 1\n_result = 1", mine)
    assert mine == data()


def test_data_that_json_does_not_have_is_the_callers_fault(cpython: Sandbox) -> None:
    with pytest.raises(TypeError):
        cpython.run("_result = 1", {"a": object()})


def test_data_may_hold_what_json_of_python_holds(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        "_result = [data['n'] != data['n'], data['t'], data['s']]", {"n": math.nan, "t": (1,), "s": "é谢\0"}
    )
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == [True, [1], "é谢�"]


def test_too_much_to_begin_with(sandbox: Sandbox) -> None:
    assert bad(sandbox, "#" * 300_000).code == Code.SCRIPT_TOO_LARGE
    assert bad(sandbox, "_result = 1", limits=Limits(data_bytes=100)).code == Code.DATA_TOO_LARGE


def test_a_large_call_fits(sandbox: Sandbox) -> None:
    long = {"transcript_json": [{"content": "word " * 40, "start_time": i * 1.0} for i in range(20_000)]}
    outcome = sandbox.run("_result = sum(len(t['content']) for t in data['transcript_json'])", long)
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == 20_000 * 200


def test_limits_are_named_in_the_message(cpython: Sandbox) -> None:
    endless = bad(cpython, "while True: pass", limits=Limits(cpu_secs=0.2))
    assert (endless.code, endless.message) == (Code.CPU, "The script used more than 0.2 s of CPU time.")
    waiting = bad(cpython, "import time\ntime.sleep(99)", limits=Limits(wall_secs=0.2))
    assert waiting.message == "The script took more than 0.2 s, judge calls not counted."
    hungry = bad(cpython, "x = 1\ny = 'x' * (1 << 28)", limits=Limits(memory_bytes=32 << 20))
    assert hungry.code == Code.MEMORY
    assert hungry.line == 2
    assert "32 MiB" in hungry.message


def test_local_time_is_utc(cpython: Sandbox) -> None:
    script = "import time\n_result = [time.timezone, datetime.now().astimezone().utcoffset().total_seconds()]"
    assert ok(cpython, script).result == [0, 0.0]


def test_datetime_stands_for_module_and_class(cpython: Sandbox) -> None:
    script = (
        "_result = [datetime(2025, 1, 2).day, datetime.datetime(2025, 1, 3).day,"
        " datetime.fromisoformat('2025-01-04').day, datetime.now(datetime.timezone.utc).year > 2000]"
    )
    assert ok(cpython, script).result == [2, 3, 4, True]


def test_every_time_zone_can_be_used(cpython: Sandbox) -> None:
    import zoneinfo

    script = "import zoneinfo\n_result = [str(zoneinfo.ZoneInfo(k)) for k in data['keys']]"
    keys = sorted(zoneinfo.available_timezones())[:700]
    outcome = cpython.run(script, {"keys": keys})
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == keys


def test_random_numbers_differ_between_evaluations(cpython: Sandbox) -> None:
    script = (
        "import random, secrets, uuid\n_result = [random.random(), secrets.token_hex(), str(uuid.uuid4())]"
    )
    first, second = ok(cpython, script).result, ok(cpython, script).result
    assert not set(first) & set(second)
