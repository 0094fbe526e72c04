"""The editor's form: as it is shown, as it comes back, and the change that it asks for.

Its fields have the names of the wire, so that faults and advice find theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.http import QueryDict

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.domain.storable import is_storable
from callgauge.engine.repeats import MOST
from callgauge.flow.errors import Invalid
from callgauge.flow.judge_settings import CHOICE, listed_models
from callgauge.flow.metrics import MetricChange
from callgauge.flow.scope import as_id
from callgauge.store.models import Metric, MetricVersion
from callgauge.web.words import judge_name

MAX_TEXT: Final = 200_000
MAX_NAME: Final = 255
MAX_LABELS: Final = 1_000
REPEATS: Final = tuple(range(1, MOST + 1, 2))
TEXTS: Final = {
    "name": "name",
    "description": "description",
    "prompt": "prompt",
    "custom_code": "custom_code",
    "evaluation_trigger_prompt": "trigger_prompt",
    "evaluation_trigger_custom_code": "trigger_code",
}
"""Names of fields, and the columns of a version."""
CHOICES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "type": ("kind", tuple(MetricKind)),
    "eval_type": ("eval_type", tuple(EvalType)),
    "evaluation_trigger": ("trigger", tuple(Trigger)),
    "trigger_type": ("trigger_type", ("llm_judge", "custom_code")),
}
FLAGS: Final = ("audio_enabled", "sampling_enabled", "every_agent", "meaning_changed")


@dataclass(frozen=True, slots=True)
class MetricForm:
    """What stands in the fields."""

    texts: Mapping[str, str]
    """Also of the choices; by the field's name."""
    flags: Mapping[str, bool]
    labels: str = ""
    """One in a line."""
    judge_model: str = ""
    repeats: int = 1
    configuration: str = ""
    """What it holds besides, as JSON."""
    agents: list[int] = field(default_factory=list)
    reason: str = ""
    read: int | None = None
    """The version that the form was filled from."""

    @property
    def kind(self) -> str:
        return self.texts["type"]


def blank_form(kind: str) -> MetricForm:
    blank = MetricVersion(kind=kind, eval_type=EvalType.BINARY.value)
    if kind == MetricKind.CUSTOM_CODE:
        blank.custom_code = '_result = True\n_explanation = ""\n'
    flags = dict.fromkeys(FLAGS, False) | {"every_agent": True}
    return MetricForm(texts=_texts(blank), flags=flags)


def saved_form(metric: Metric, version: MetricVersion) -> MetricForm:
    configuration = dict(version.configuration)
    model = configuration.pop(CHOICE, "") if isinstance(configuration.get(CHOICE, ""), str) else ""
    repeats = 1
    if configuration.get("repeats") in REPEATS and not isinstance(configuration["repeats"], bool):
        repeats = configuration.pop("repeats")
    return MetricForm(
        texts=_texts(version),
        flags={
            "audio_enabled": version.audio_enabled,
            "sampling_enabled": metric.sampling_enabled,
            "every_agent": metric.every_agent,
            "meaning_changed": False,
        },
        labels="\n".join(version.labels),
        judge_model=model,
        repeats=repeats,
        configuration=json.dumps(configuration, ensure_ascii=False, indent=2) if configuration else "",
        agents=list(metric.agents.values_list("pk", flat=True)),
        read=version.pk,
    )


def _texts(version: MetricVersion) -> dict[str, str]:
    columns = TEXTS | {name: column for name, (column, _) in CHOICES.items()}
    return {name: str(getattr(version, column)) for name, column in columns.items()}


def posted_form(post: QueryDict) -> MetricForm:
    """Browsers send lines with carriage returns; a choice that is none is taken for the first."""
    texts = {name: post.get(name, "").replace("\r\n", "\n") for name in TEXTS}
    for name, (_, known) in CHOICES.items():
        given = post.get(name, "")
        texts[name] = given if given in known else str(known[0])
    repeats = as_id(post.get("repeats", "")) or 1
    return MetricForm(
        texts=texts | {"name": texts["name"].strip()},
        flags={name: post.get(name) == "1" for name in FLAGS},
        labels=post.get("enum_values", "").replace("\r\n", "\n"),
        judge_model=post.get("judge_model", "").strip(),
        repeats=repeats if repeats in REPEATS else 1,
        configuration=post.get("configuration", "").strip(),
        agents=[number for number in map(as_id, post.getlist("agents")) if number is not None],
        reason=post.get("reason", "").strip(),
        read=as_id(post.get("read", "")),
    )


def change_of(form: MetricForm, version: MetricVersion | None) -> MetricChange:
    """`version` is what the metric asks today, None for a new one. Raises Invalid."""
    _check_sizes(form)
    frozen: dict[str, Any] = {column: form.texts[name] for name, column in TEXTS.items()}
    frozen |= {column: form.texts[name] for name, (column, _) in CHOICES.items()}
    if version is not None:
        frozen["kind"] = version.kind
        for column in TEXTS.values():
            before: str = getattr(version, column)
            if before.replace("\r\n", "\n") == frozen[column]:
                frozen[column] = before
    if not (version is not None and version.prompt):
        del frozen["prompt"]  # only what was taken over from the catalogue has words for people apart
    _drop_unused(frozen)
    frozen["audio_enabled"] = form.flags["audio_enabled"]
    frozen["labels"] = _labels(form, version)
    frozen["configuration"] = _configuration(form, {} if version is None else version.configuration)
    every = form.flags["every_agent"]
    if not every and not form.agents:
        raise Invalid.field("agents", "Choose at least one agent, or every agent.")
    return MetricChange(
        frozen=frozen,
        switches={"sampling_enabled": form.flags["sampling_enabled"]},
        agents=None if every else form.agents,
        every_agent=every,
        meaning_changed=form.flags["meaning_changed"],
    )


def _check_sizes(form: MetricForm) -> None:
    faults = {}
    whole = {**form.texts, "enum_values": form.labels, "configuration": form.configuration}
    for name, text in {**whole, "judge_model": form.judge_model, "reason": form.reason}.items():
        most = MAX_NAME if name in ("name", "judge_model") else 100 if name == "reason" else MAX_TEXT
        if len(text) > most:
            faults[name] = [f"At most {most:,} characters are possible."]
        elif not is_storable(text):
            faults[name] = ["This holds a character that cannot be stored."]
    if len(form.labels.splitlines()) > MAX_LABELS:
        faults["enum_values"] = [f"At most {MAX_LABELS:,} labels are possible."]
    if faults:
        raise Invalid(faults)


def _drop_unused(frozen: dict[str, Any]) -> None:
    """What the other choices hide has no effect, and would only be warned of."""
    if frozen["trigger"] != Trigger.CUSTOM:
        frozen["trigger_prompt"] = frozen["trigger_code"] = ""
    elif frozen["trigger_type"] == "custom_code":
        frozen["trigger_prompt"] = ""
    else:
        frozen["trigger_code"] = ""
    if frozen["kind"] != MetricKind.CUSTOM_CODE:
        frozen["custom_code"] = ""


def _labels(form: MetricForm, version: MetricVersion | None) -> list[str]:
    if version is not None and version.built_in:
        return list(version.labels)
    if form.texts["eval_type"] != EvalType.ENUM:
        return []
    return [line.strip() for line in form.labels.splitlines() if line.strip()]


def _configuration(form: MetricForm, before: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(form.configuration or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid.field("configuration", f"This is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Invalid.field("configuration", "Write a JSON object, or nothing.")
    for key, value, usual in ((CHOICE, form.judge_model, ""), ("repeats", form.repeats, 1)):
        if key not in found and (value != usual or before.get(key) == value):
            found[key] = value
    return found


def model_choices(chosen: str) -> list[tuple[str, str]]:
    """The installation's own judge, those that the settings list, and the one that is set."""
    options = settings.CALLGAUGE
    own = judge_name(options.judge) or "none is set"
    listed = list(listed_models(options))
    named = dict.fromkeys([*listed, *([chosen] if chosen else [])])
    return [("", f"the server's judge: {own}"), *((name, judge_name(name)) for name in named)]
