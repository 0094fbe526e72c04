"""What a result depends on, as hashes: where none of them differs, measuring again could only repeat it.

A result is made by a scorer (wording, code, settings, model, prompts, the agent's facts), from parts of the
call, and for a script from other metrics' results. Each of the three has a hash of its own, so that it can be
told what changed, and a script is measured again exactly when something that it reads is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

from callgauge.audio import ANALYSIS_VERSION, CLIP_CODEC
from callgauge.domain.calls import AgentFacts, Call, stable_hash
from callgauge.domain.metrics import MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import Failed, Outcome, Scored
from callgauge.engine.dependencies import JUDGE, has_code_trigger, reads_of, reads_sound, runs_code
from callgauge.engine.faults import MissingVariable
from callgauge.engine.forms import FORMS, NEED_KNOWLEDGE
from callgauge.engine.heard import HEARD
from callgauge.engine.judged import SCHEMA
from callgauge.engine.listening import asks_to_listen
from callgauge.engine.transcription import TRANSCRIBES
from callgauge.engine.variables import references

RULES_VERSION: Final = 1
"""Goes up when a built-in rule, or what a script is given, changes its meaning."""
MOST_KNOWN: Final = 1_000
HASH_CHARS: Final = 32
"""128 bits: no two of even 10^12 differing inputs are likely to have the same."""


class Part(StrEnum):
    """What a scorer may read of a call apart from the rest."""

    TURNS = "turns"
    DURATION = "duration"
    FACTS = "facts"
    """Time, reason of the end, topic."""
    METADATA = "metadata"
    VARIABLES = "variables"
    RECORDING = "recording"


_EVERYTHING: Final = frozenset(Part)


@dataclass(frozen=True, slots=True)
class Identity:
    scorer: str
    parts: str
    reads: str


def may_ask(spec: MetricSpec) -> bool:
    """Whether a judge is, or could be, asked: then a result is one draw of several possible ones."""
    if spec.kind is MetricKind.LLM_JUDGE:
        return True
    if spec.trigger is not Trigger.ALWAYS and not has_code_trigger(spec):
        return True
    code = spec.custom_code if spec.kind is MetricKind.CUSTOM_CODE else ""
    return JUDGE in code or (has_code_trigger(spec) and JUDGE in spec.trigger_code)


def scorer_hash(spec: MetricSpec, model: str, agent: AgentFacts) -> str:
    """`model` is the judge that the metric is asked of, all that its script may ask, or who writes recordings
    down for it; it counts only where one may be asked."""
    known = _KNOWN_OF(spec)
    if known.reads_agent:
        return _scorer_hash(spec, model, agent)
    if model not in known.scorers:
        known.scorers[model] = _scorer_hash(spec, model, agent)
    return known.scorers[model]


def _scorer_hash(spec: MetricSpec, model: str, agent: AgentFacts) -> str:
    asks = may_ask(spec)
    return _short(
        spec.content_hash,
        spec.name if spec.trigger is Trigger.AUTOMATIC else "",
        model if asks else "",
        _prompts() if asks else "",
        RULES_VERSION,
        _agent(agent) if _reads_agent(spec) else "",
        # Loaded where some metric of the run needs it, so it is no part of the others.
        _knowledge(agent) if spec.built_in in NEED_KNOWLEDGE else "",
        *((ANALYSIS_VERSION,) if _listens(spec) else ()),
        *((CLIP_CODEC,) if asks_to_listen(spec) else ()),
        *((model,) if spec.built_in in TRANSCRIBES else ()),
    )


def parts_hash(spec: MetricSpec, parts: Mapping[str, str]) -> str:
    """`parts` has the hash of each part of the call, see `part_hashes`."""
    return _short({part: parts.get(part, "") for part in _KNOWN_OF(spec).parts})


def reads_hash(spec: MetricSpec, results: Mapping[str, Outcome], code_names: Collection[str] = ()) -> str:
    """Of the results that the metric's scripts read, by name; empty where it reads none. A script that goes
    through all of `data` reads every metric that is no script itself (`code_names`)."""
    names = read_names(spec, results, code_names)
    return _short({name: _told(results[name]) for name in names if name in results}) if names else ""


def read_names(spec: MetricSpec, known: Collection[str], code_names: Collection[str] = ()) -> frozenset[str]:
    if not runs_code(spec):
        return frozenset()
    reads = reads_of(spec)
    names = set(reads.names)
    if reads.whole:
        names |= {name for name in known if name not in code_names}
    return frozenset(names - {spec.name})


def part_hashes(
    *,
    turns: str,
    metadata: str,
    variables: str,
    recording: Sequence[object],
    duration: float | None,
    facts: Sequence[object],
) -> dict[str, str]:
    """Of a call as it is stored; the first three are JSON texts."""
    return {
        Part.TURNS: _short(turns),
        Part.METADATA: _short(metadata),
        Part.VARIABLES: _short(variables),
        Part.RECORDING: _short(recording),
        Part.DURATION: _short(duration),
        Part.FACTS: _short(facts),
    }


def identity(
    spec: MetricSpec, call: Call, model: str, results: Mapping[str, Outcome], code_names: Collection[str]
) -> Identity:
    return Identity(
        scorer_hash(spec, model, call.agent),
        parts_hash(spec, call.part_hashes),
        reads_hash(spec, results, code_names),
    )


def parts_read(spec: MetricSpec) -> frozenset[Part]:
    """Where it cannot be told from the metric's text, all of them."""
    if spec.kind is not MetricKind.LLM_JUDGE or spec.built_in or runs_code(spec):
        return _EVERYTHING
    found = {Part.TURNS, Part.DURATION}
    if spec.hears:
        found.add(Part.RECORDING)
    try:
        used = references(spec.prompt.strip() or spec.description) | references(spec.trigger_prompt)
    except MissingVariable:
        return frozenset(found)
    for name in used:
        root = name.partition(".")[0]
        if root == "metadata":
            found.add(Part.METADATA)
        elif root == "dynamic_variables" or name == "agent.description":
            found.add(Part.VARIABLES)
        elif name in ("call_end_reason", "date", "timestamp"):
            found.add(Part.FACTS)
    return frozenset(found)


def _listens(spec: MetricSpec) -> bool:
    """Whether the value rests on how recordings are measured."""
    scripts = (spec.custom_code, spec.trigger_code) if runs_code(spec) else ()
    form = FORMS.get(spec.built_in) if spec.kind is MetricKind.LLM_JUDGE else None
    if form is not None and form.measured is not None:
        return True
    return spec.built_in in HEARD or any(reads_sound(code) for code in scripts)


def _reads_agent(spec: MetricSpec) -> bool:
    if spec.kind is not MetricKind.LLM_JUDGE or spec.built_in or runs_code(spec):
        return True
    return "agent." in spec.prompt or "agent." in spec.description or "agent." in spec.trigger_prompt


@dataclass(frozen=True, slots=True)
class _Known:
    """What is the same for every call that a metric version measures."""

    parts: frozenset[Part]
    reads_agent: bool
    scorers: dict[str, str] = field(default_factory=dict)
    """By model; only of one that does not look at the agent."""


class _KnownOf:
    """Worked out once for each version at hand. By identity: versions never change, and to hash or compare
    one takes longer than this saves."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[MetricSpec, _Known]] = {}

    def __call__(self, spec: MetricSpec) -> _Known:
        kept = self._known.get(id(spec))
        if kept is None or kept[0] is not spec:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            reads_agent = _reads_agent(spec) or spec.built_in in NEED_KNOWLEDGE
            kept = self._known[id(spec)] = (spec, _Known(parts_read(spec), reads_agent))
        return kept[1]


_KNOWN_OF: Final = _KnownOf()


@cache
def _prompts() -> str:
    """Of everything that we say to a judge, besides the metric's own words."""
    folder = files("callgauge.engine") / "prompts"
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.is_file()}
    return _short(texts, SCHEMA)


def _agent(agent: AgentFacts) -> str:
    return _short(
        agent.name,
        agent.description,
        agent.language,
        agent.inbound,
        agent.contact_number,
        agent.dropoff_nodes,
        agent.topic_nodes,
        agent.pronunciation_words,
    )


def _knowledge(agent: AgentFacts) -> str:
    return _short([(document.name, document.content_hash) for document in agent.knowledge])


def _told(outcome: Outcome) -> object:
    """What a script can see of another metric's result."""
    value = outcome.value.plain if isinstance(outcome, Scored) else None
    return [value, list(outcome.explanation), isinstance(outcome, Failed)]


def _short(*parts: object) -> str:
    return stable_hash(*parts)[:HASH_CHARS]
