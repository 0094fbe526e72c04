"""A plan in words: what will be done, why so little or so much, and what it will cost."""

from __future__ import annotations

from callgauge.domain.money import usd
from callgauge.flow.estimates import Estimate
from callgauge.flow.plan import Plan


def plan_words(plan: Plan) -> str:
    if not plan.calls:
        return "There are no calls to measure."
    if not plan.metrics:
        return "No metric measures this agent's calls."
    results = plan.calls * len(plan.metrics)
    if not plan.to_measure:
        out = plan.states["sampled_out"]
        left = f", {_n(out)} are sampled out" if out else ""
        return (
            f"Nothing to measure: {_n(plan.reused)} of {_n(results)} results are current{left}. "
            "Calls are decided again by today's rubric."
        )
    kept = f", {_n(plan.reused)} stay as they are" if plan.reused else ""
    metrics = "1 metric" if len(plan.metrics) == 1 else f"{len(plan.metrics)} metrics"
    calls = "1 call" if plan.calls == 1 else f"{_n(plan.calls)} calls"
    first = f"{calls}, {metrics}: {_n(plan.to_measure)} results to measure{kept}."
    return f"{first} {estimate_words(plan.estimate)}"


def estimate_words(estimate: Estimate) -> str:
    if not estimate.requests:
        return "No judge is asked."
    low, high = estimate.spread
    tokens = estimate.input_tokens + estimate.output_tokens
    cost = estimate.cost_usd
    if cost is None:
        money = "the price of the model is not known"
    else:
        money = f"about {usd(cost)} ({usd(cost * low)} to {usd(cost * high)})"
    requests = round(estimate.requests)
    asked = "1 judge request" if requests == 1 else f"{_n(requests)} judge requests"
    basis = "" if estimate.seen else " Nothing like it was measured yet: a pilot would tell more."
    return f"About {asked}, {_n(round(tokens))} tokens, {money}, {duration(estimate.secs)}.{basis}"


def duration(secs: float) -> str:
    if secs < 90:
        return f"{max(1, round(secs))} s"
    if secs < 5400:
        return f"{round(secs / 60)} min"
    return f"{secs / 3600:.1f} h"


def _n(count: int) -> str:
    return f"{count:,}"
