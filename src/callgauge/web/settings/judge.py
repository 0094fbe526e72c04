"""The judge as the server's settings have it, and a test of it. It is set where the server is started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from callgauge.domain.options import Options, Rate
from callgauge.flow.errors import FlowError
from callgauge.flow.judge_settings import judge_settings, listed_models
from callgauge.flow.judge_trial import QUESTION, Tried, try_judge
from callgauge.flow.scope import Person
from callgauge.judge import JudgeSettingError, JudgeSettings
from callgauge.web.errors import trouble_of
from callgauge.web.page import project_page
from callgauge.web.settings.places import faults_of, project_of, show_settings

PERIODS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


@dataclass(frozen=True, slots=True)
class Fact:
    words: str
    value: str
    variable: str


@project_page()
def judge(request: HttpRequest, who: Person) -> HttpResponse:
    return _show(request, who)


@project_page("POST", owners_only=True)
def trial(request: HttpRequest, who: Person) -> HttpResponse:
    try:
        tried = try_judge(who, project_of(who), settings.CALLGAUGE, request.POST.get("model", ""))
    except FlowError as error:
        return _show(request, who, error=error)
    return _show(request, who, tried=tried)


def _show(
    request: HttpRequest, who: Person, *, tried: Tried | None = None, error: FlowError | None = None
) -> HttpResponse:
    options: Options = settings.CALLGAUGE
    fault, own = "", None
    try:
        own = judge_settings(options)
    except JudgeSettingError as wrong:
        fault = str(wrong)
    context: dict[str, Any] = {
        "own": own,
        "fault": fault,
        "facts": [] if own is None else _facts(own, options),
        "listed": listed_models(options),
        "patterns": options.judge_models,
        "question": QUESTION,
        "tried": tried,
        "answer": _text(tried),
        "asked": request.POST.get("model", ""),
        "trial_faults": faults_of(error),
    }
    response = show_settings(request, who, "judge", "settings-judge", context)
    if error is not None:
        response.status_code = trouble_of(error).status
    return response


def _text(tried: Tried | None) -> str:
    if tried is None or tried.answer is None:
        return ""
    return json.dumps(tried.answer, ensure_ascii=False)


def _facts(own: JudgeSettings, options: Options) -> list[Fact]:
    scripted = own.provider == "scripted"
    return [
        Fact("Provider", own.provider, "CALLGAUGE_JUDGE"),
        Fact("Model", own.model, "CALLGAUGE_JUDGE"),
        Fact("Address", _without_password(own.base_url) or "the provider's own", "CALLGAUGE_JUDGE_BASE_URL"),
        Fact("Key", "set, not shown" if own.api_key else "none", "CALLGAUGE_JUDGE_API_KEY"),
        Fact("Price", _price(own, scripted=scripted), "CALLGAUGE_JUDGE_PRICES"),
        Fact("At once", f"{options.judge_concurrency} requests", "CALLGAUGE_JUDGE_CONCURRENCY"),
        Fact("Requests", _rate(options.judge_rate), "CALLGAUGE_JUDGE_RATE"),
        Fact("Tokens", _rate(options.judge_token_rate), "CALLGAUGE_JUDGE_TOKEN_RATE"),
        Fact("One request", f"at most {own.timeout_secs:g} s", "CALLGAUGE_JUDGE_TIMEOUT_SECS"),
        Fact("One question", f"at most {own.deadline_secs:g} s", "CALLGAUGE_JUDGE_DEADLINE_SECS"),
        Fact("Tries over faults", str(own.http_tries), "CALLGAUGE_JUDGE_HTTP_TRIES"),
        Fact("An outage", f"waited for, at most {own.outage_secs:g} s", "CALLGAUGE_JUDGE_OUTAGE_SECS"),
        Fact("Asked again", f"{own.reasks} times for an unusable answer", "CALLGAUGE_JUDGE_REASKS"),
        Fact("Long reruns", "in batches" if options.judge_batch else "at once", "CALLGAUGE_JUDGE_BATCH"),
    ]


def _price(own: JudgeSettings, *, scripted: bool) -> str:
    if scripted:
        return "none: no model is asked"
    return "as set here" if own.prices is not None else "from the price list, where it knows the model"


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "no limit"
    return f"{rate.count:,} a {PERIODS.get(rate.per_secs, f'{rate.per_secs} s')}"


def _without_password(url: str) -> str:
    """An address may carry a key of its own, in its user part or its query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else ""
