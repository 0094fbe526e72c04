"""Scripts of Python metrics and of triggers, read without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import get_close_matches

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.dependencies import JUDGE, has_code_trigger, script_reads
from callgauge.engine.lint.draft import Advice, Draft
from callgauge.engine.script_data import OWN_KEYS
from callgauge.sandbox import ALLOWED_MODULES

RESULT = "_result"


def check(draft: Draft) -> Iterator[Advice]:
    for field, code in _scripts(draft):
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return  # refused when it is saved, with its line
        if RESULT not in code:
            words = f"The script never sets {RESULT}, so the metric will fail on every call."
            yield Advice("no_result", field, words)
        yield from _imports(field, tree)
        yield from _unknown_names(field, code, draft)
        yield from _questions(field, tree)
        if "data" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
            words = "The script does not look at data, so every call gets the same result."
            yield Advice("data_not_read", field, words)
    if draft.spec.kind is MetricKind.CUSTOM_CODE:
        yield from _labels(draft)


def _scripts(draft: Draft) -> Iterator[tuple[str, str]]:
    if draft.spec.kind is MetricKind.CUSTOM_CODE:
        yield "custom_code", draft.spec.custom_code
    if has_code_trigger(draft.spec):
        yield "evaluation_trigger_custom_code", draft.spec.trigger_code


def _imports(field: str, tree: ast.AST) -> Iterator[Advice]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            if name not in ALLOWED_MODULES:
                line = getattr(node, "lineno", 0)
                yield Advice(
                    "module_not_allowed",
                    field,
                    f"Line {line}: metrics cannot import {name}; the metric fails when it gets there.",
                )


def _unknown_names(field: str, code: str, draft: Draft) -> Iterator[Advice]:
    reads = script_reads(code)
    if draft.other_names is None or reads.whole:
        return
    for name in sorted(reads.names - draft.other_names):
        own = " It is the name of this metric itself." if name == draft.spec.name else ""
        close = get_close_matches(name, [*draft.other_names, *OWN_KEYS], n=1, cutoff=0.75)
        hint = f' Did you mean "{close[0]}"?' if close and not own else ""
        yield Advice(
            "unknown_metric",
            field,
            f'The script reads data["{name}"], and no other metric of the project has that name.{own}{hint}',
        )


def _questions(field: str, tree: ast.AST) -> Iterator[Advice]:
    loops = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.AsyncFor)
    for loop in ast.walk(tree):
        if isinstance(loop, loops) and any(_asks(node) for node in ast.walk(loop)):
            yield Advice(
                "judge_in_loop",
                field,
                f"Line {loop.lineno}: {JUDGE} stands in a loop. Each turn of it is paid for, and a script "
                "may ask ten times at most; put the turns into one question.",
            )
            return


def _asks(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == JUDGE


def _labels(draft: Draft) -> Iterator[Advice]:
    """Plain values only: what a script computes is not known before it runs."""
    known = {label.strip().casefold() for label in draft.spec.labels}
    for node in ast.walk(ast.parse(draft.spec.custom_code)):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        if not any(isinstance(target, ast.Name) and target.id == RESULT for target in node.targets):
            continue
        fault = _unfit(node.value.value, draft.spec.eval_type, known)
        if fault:
            shown = repr(node.value.value)[:60]
            yield Advice(
                "result_does_not_fit",
                "custom_code",
                f"Line {node.lineno}: {RESULT} is set to {shown}, and {fault}. The metric fails there.",
            )


def _unfit(value: object, eval_type: EvalType, labels: set[str]) -> str:
    if value is None:
        return ""  # not applicable
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match eval_type:
        case EvalType.ENUM if not isinstance(value, str) or value.strip().casefold() not in labels:
            return "that is none of enum_values"
        case EvalType.BINARY if not isinstance(value, bool) and value not in (0, 1, 5):
            return "a binary metric gives True or False"
        case EvalType.NUMERIC | EvalType.RATING if not number:
            return "this metric gives a number"
        case EvalType.RATING if isinstance(value, (int, float)) and not 0 <= value <= 5:
            return "this metric gives a number from 0 to 5"
    return ""
