"""The judge that the settings ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from callgauge.domain.judging import Judge
from callgauge.domain.options import Options
from callgauge.judge import JudgeSettings, open_judge, parse_judge
from callgauge.judge.settings import ResponseFormat


def judge_settings(options: Options) -> JudgeSettings | None:
    """None where no judge is set. Raises JudgeSettingError."""
    parsed = parse_judge(options.judge)
    if parsed is None:
        return None
    return replace(
        parsed,
        base_url=options.judge_base_url,
        api_key=options.judge_api_key,
        timeout_secs=float(options.judge_timeout_secs),
        deadline_secs=float(options.judge_deadline_secs),
        http_tries=options.judge_http_tries,
        reasks=options.judge_reasks,
        response_format=cast(ResponseFormat, options.judge_response_format),
    )


def judge_from(options: Options) -> Judge | None:
    """Opened but not yet connected. Raises JudgeSettingError."""
    settings = judge_settings(options)
    return None if settings is None else open_judge(settings)
