"""The replay bundle as values and as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from callgauge.audio import Analysis, read_analysis
from callgauge.domain.calls import AgentFacts, Call, Document
from callgauge.domain.judging import (
    JudgeCannotHear,
    JudgeRequest,
    Message,
    Side,
    Sound,
    hash_of_request,
)
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Skipped, SkipReason, Usage, Value
from callgauge.domain.strict_json import decode_json
from callgauge.engine.listening import Hearable, Stretch, sound_of
from callgauge.formats import from_wire, to_wire

FORMAT: Final = "callgauge.replay"
VERSION: Final = 1
_SUM: Final = "sha256"


class BadBundle(Exception):
    """The file is none of ours, is damaged, or was changed. Says which."""


@dataclass(frozen=True, slots=True)
class Question:
    """One answer of the judge, and what it answers."""

    sample: int
    request_hash: str
    model: str
    """The judge as it is set; `answered_by` is the model that its provider names."""
    answered_by: str
    content: Mapping[str, Any]
    usage: Usage
    request: JudgeRequest | None = None
    """As sent. None for questions of a script, which puts them again, and where today's words are others."""


@dataclass(frozen=True, slots=True)
class Script:
    code: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording that a judge listened to: which one, not its sound."""

    file: str
    """Its hash."""
    duration_secs: float
    agent_channel: int | None

    async def hear(self, spec: MetricSpec, stretch: Stretch) -> Hearable | Skipped | Failed:
        """As then, without the sound: nobody is asked."""
        sound = sound_of(self.file, self.duration_secs, stretch, self.agent_channel)
        return Hearable(sound, _not_opened) if isinstance(sound, Sound) else sound


def _not_opened(sound: Sound) -> AbstractAsyncContextManager[bytes]:
    raise JudgeCannotHear("A replay has no sound.")


@dataclass(frozen=True, slots=True)
class Bundle:
    made_by: str
    """The version of Callgauge that wrote the file."""
    about: Mapping[str, Any]
    """Which result it is: ids, names, version, model, time, cost."""
    hashes: Mapping[str, str]
    """As they stand with the result; see engine.identity."""
    score: Mapping[str, Any]
    """The result as it was stored; see `run.told`."""
    spec: MetricSpec
    call: Call
    reads: Mapping[str, Outcome] = field(default_factory=dict)
    """Other metrics' results that a script can read, by name."""
    analysis: Mapping[str, Any] | None = None
    """Of the recording, where the metric listens."""
    recording: Recorded | None = None
    """Where a judge listens."""
    reasks: int = 0
    questions: Sequence[Question] = ()
    scripts: Sequence[Script] = ()
    notes: Sequence[str] = ()
    """What is left out, and what is no longer as it was."""

    @property
    def heard(self) -> Analysis | None:
        return None if self.analysis is None else read_analysis(dict(self.analysis))


def file_of(bundle: Bundle) -> str:
    """The file's text, with its checksum."""
    content = {
        "format": FORMAT,
        "format_version": VERSION,
        "made_by": bundle.made_by,
        "result": dict(bundle.about),
        "hashes": dict(bundle.hashes),
        "score": dict(bundle.score),
        "metric": asdict(bundle.spec),
        "call": _call_json(bundle.call),
        "reads": {name: _outcome_json(outcome) for name, outcome in bundle.reads.items()},
        "analysis": bundle.analysis,
        "recording": None if bundle.recording is None else asdict(bundle.recording),
        "reasks": bundle.reasks,
        "questions": [_question_json(one) for one in bundle.questions],
        "scripts": [{"code": one.code, "data": dict(one.data)} for one in bundle.scripts],
        "notes": list(bundle.notes),
    }
    plain = json.loads(json.dumps(content, default=str))
    return json.dumps({**plain, _SUM: _checksum(plain)}, indent=1) + "\n"


def read_bundle(text: str) -> Bundle:
    """Raises BadBundle."""
    try:
        content = decode_json(text)
    except ValueError:
        raise BadBundle("This is not a replay file: it is not JSON.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadBundle("This is not a replay file of Callgauge.")
    if content.get("format_version") != VERSION:
        raise BadBundle(
            f"This file has version {content.get('format_version')} of the format, and this Callgauge "
            f"({VERSION}) does not read it. Use the version that made it: {content.get('made_by')}."
        )
    stated = content.pop(_SUM, None)
    if stated != _checksum(content):
        raise BadBundle("This file was damaged or changed after it was made: its checksum is wrong.")
    try:
        found = _bundle(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadBundle(f"This file lacks something that a replay needs ({error}).") from None
    for one in found.questions:
        if one.request is not None and hash_of_request(one.request) != one.request_hash:
            raise BadBundle("This file was changed: a request in it is not the one that was answered.")
    return found


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _bundle(content: Mapping[str, Any]) -> Bundle:
    return Bundle(
        made_by=str(content["made_by"]),
        about=content["result"],
        hashes=content["hashes"],
        score=content["score"],
        spec=_spec(content["metric"]),
        call=_call(content["call"]),
        reads={name: _outcome(one) for name, one in content["reads"].items()},
        analysis=content["analysis"],
        recording=None if content["recording"] is None else Recorded(**content["recording"]),
        reasks=int(content["reasks"]),
        questions=[_question(one) for one in content["questions"]],
        scripts=[Script(one["code"], one["data"]) for one in content["scripts"]],
        notes=list(content["notes"]),
    )


def _spec(raw: Mapping[str, Any]) -> MetricSpec:
    given = {one.name: raw[one.name] for one in fields(MetricSpec)}
    return MetricSpec(
        **given
        | {
            "kind": MetricKind(raw["kind"]),
            "eval_type": EvalType(raw["eval_type"]),
            "trigger": Trigger(raw["trigger"]),
            "labels": tuple(raw["labels"]),
        }
    )


def _call_json(call: Call) -> dict[str, Any]:
    given = {one.name: getattr(call, one.name) for one in fields(Call)}
    return given | {"turns": to_wire(call.turns), "agent": asdict(call.agent)}


def _call(raw: Mapping[str, Any]) -> Call:
    agent = raw["agent"]
    knowledge = tuple(Document(**one) for one in agent["knowledge"])
    given = {one.name: raw[one.name] for one in fields(Call)}
    return Call(
        **given | {"turns": from_wire(raw["turns"]), "agent": AgentFacts(**agent | {"knowledge": knowledge})}
    )


def _question_json(one: Question) -> dict[str, Any]:
    return {
        "sample": one.sample,
        "request_hash": one.request_hash,
        "model": one.model,
        "answered_by": one.answered_by,
        "request": None if one.request is None else asdict(one.request),
        "answer": dict(one.content),
        "usage": asdict(one.usage),
    }


def _question(raw: Mapping[str, Any]) -> Question:
    return Question(
        int(raw["sample"]),
        raw["request_hash"],
        raw["model"],
        raw["answered_by"],
        raw["answer"],
        Usage(**raw["usage"]),
        None if raw["request"] is None else _request(raw["request"]),
    )


def _request(raw: Mapping[str, Any]) -> JudgeRequest:
    return JudgeRequest(**{**raw, "messages": tuple(_message(one) for one in raw["messages"])})


def _message(raw: Mapping[str, Any]) -> Message:
    sound = raw["sound"]
    heard = None if sound is None else Sound(**{**sound, "side": Side(sound["side"])})
    return Message(**{**raw, "sound": heard})


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    words = {"explanation": list(outcome.explanation)}
    match outcome:
        case Scored():
            return {"outcome": "scored", **asdict(outcome.value), **words}
        case Skipped():
            return {"outcome": "skipped", "reason": outcome.reason.value, **words}
        case Failed():
            return {"outcome": "failed", "reason": outcome.code.value, **words}


def _outcome(raw: Mapping[str, Any]) -> Outcome:
    words = tuple(raw["explanation"])
    match raw["outcome"]:
        case "scored":
            return Scored(Value(raw["passed"], raw["number"], raw["label"]), words)
        case "skipped":
            return Skipped(SkipReason(raw["reason"]), words)
        case "failed":
            return Failed(FailureCode(raw["reason"]), words)
        case other:
            raise ValueError(f"an outcome {other}")
