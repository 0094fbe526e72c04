"""Scoring without Django: from a frozen call and metric versions to outcomes.

What exists stands in five tables: `SCORERS` (how each kind of metric is computed), `BUILT_IN` (metrics
computed by rule), `FORMS` (judge metrics with a form of their own), `PREDEFINED` (the catalogue) and
`variables.BUILT_IN` (what a description may name).
"""

from __future__ import annotations

from callgauge.engine.built_in import BUILT_IN
from callgauge.engine.evaluate import SCORERS, Ask, RunScript, Save, evaluate_call
from callgauge.engine.faults import BadConfiguration, EngineError, InvalidAnswer, MissingVariable
from callgauge.engine.forms import FORMS, prepared
from callgauge.engine.judged import SCHEMA, build_request, read_answer
from callgauge.engine.predefined import PREDEFINED, Predefined
from callgauge.engine.script_data import script_data

__all__ = [
    "BUILT_IN",
    "FORMS",
    "PREDEFINED",
    "SCHEMA",
    "SCORERS",
    "Ask",
    "BadConfiguration",
    "EngineError",
    "InvalidAnswer",
    "MissingVariable",
    "Predefined",
    "RunScript",
    "Save",
    "build_request",
    "evaluate_call",
    "prepared",
    "read_answer",
    "script_data",
]
