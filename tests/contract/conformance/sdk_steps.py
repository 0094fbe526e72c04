"""Every method of the client's groups, in the order in which people would need them."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import httpx

from tests.contract.conformance.record import Caller
from tests.contract.conformance.stage import DESCRIPTION, TURNS, recording

GROUPS = (
    "agents",
    "alerts",
    "api_keys",
    "calls",
    "metric_reviews",
    "metrics",
    "organizations",
    "predefined_metrics",
    "projects",
)
ASK = {"type": "llm_judge", "eval_type": "binary", "description": "Was the day confirmed?"}


def _expect(right: bool, what: str) -> None:
    if not right:
        raise AssertionError(what)


def projects(do: Caller, boss: Caller) -> None:
    made = boss.call("projects.create", name=f"Sales {do.way}")
    _expect(boss.call("projects.update", made["id"], sample_rate=0.5)["sample_rate"] == 0.5, "sample_rate")
    _expect(boss.call("projects.get", made["id"])["name"] == f"Sales {do.way}", "name")
    _expect(made["id"] in [one["id"] for one in boss.call("projects.list")], "it is listed")
    boss.call("projects.delete", made["id"])


def organizations(do: Caller, boss: Caller) -> None:
    _expect(do.call("organizations.list")[0]["name"] == "default", "the organization")
    _expect(do.call("organizations.list_v2", page=1, page_size=10)["count"] == 1, "count")


def api_keys(do: Caller, boss: Caller) -> None:
    _expect(bool(do.call("api_keys.create", name="ci")["key"]), "the key is shown")


def agents(do: Caller, boss: Caller) -> None:
    made = do.call(
        "agents.create",
        name="Bookings",
        description=DESCRIPTION,
        telephony={"inbound": True, "phone_number": "+41315550100"},
        provider={"type": "vapi", "agent_id": f"asst-{uuid.uuid4()}", "credentials": {"api_key": "k"}},
    )
    pk = made["id"]
    _expect(made["provider"]["type"] == "vapi", "the provider")
    _expect(do.call("agents.get", pk)["telephony"]["inbound"] is True, "inbound")
    _expect(do.call("agents.update", pk, name="Tables")["name"] == "Tables", "name")
    _expect(do.call("agents.replace", pk, name="Tables", description=DESCRIPTION)["id"] == pk, "id")
    _expect(pk in [one["id"] for one in do.call("agents.list", page_size=200)["results"]], "it is listed")
    _expect(do.call("agents.short_list", q="tabl")["results"][0]["agent_name"] == "Tables", "short")
    history = do.call("agents.history", pk)["results"]
    _expect(len(history) >= 2, "each change is an entry")
    do.call("agents.edit_history", pk, history_id=history[-1]["history_id"], change_reason="first")
    _expect(
        do.call("agents.restore", pk, history_id=history[-1]["history_id"])["name"] == "Bookings", "restored"
    )
    copy = do.call("agents.duplicate", pk, agent_name="Copy")
    _expect(copy["id"] != pk, "another agent")
    content = base64.b64encode(b"Open from 18:00 to 23:00.").decode()
    do.call("agents.upload_knowledge_base", pk, files=[{"name": "hours.txt", "content_base64": content}])
    _expect(do.call("agents.get_knowledge_base", pk)["count"] == 1, "the file")
    do.call("agents.delete_knowledge_base", pk)
    do.call("agents.delete", copy["id"])
    do.absent("agents.auto_fetch", pk)
    do.absent("agents.auto_fetch_progress", pk, progress_id="p")
    do.absent("agents.get_personalities", pk)
    do.absent("agents.enable_personalities", pk, personalities=[1])
    do.absent("agents.disable_personalities", pk, personalities=[1])
    do.absent("agents.runs_overview", pk, "2026-01-01")
    do.absent("agents.runs_overview_project", "2026-01-01")
    do.absent("agents.tools_list", pk)
    do.absent("agents.tools_create", pk, name="lookup")
    do.absent("agents.tool_get", pk, "lookup")
    do.absent("agents.tool_create", pk, "lookup", day="Friday")
    do.absent("agents.tool_update", pk, "lookup", description="d")
    do.absent("agents.tool_delete", pk, "lookup")
    do.absent("agents.mcp_create", pk, 0)


def _agent(do: Caller) -> int:
    return int(do.call("agents.create", name=f"For {do.way}", description=DESCRIPTION)["id"])


def _send(do: Caller, agent: int) -> int:
    said = {
        "agent": agent,
        "call_id": str(uuid.uuid4()),
        "transcript_type": "cekura",
        "transcript_json": TURNS,
    }
    return int(do.call("calls.send", **said)["id"])


def _evaluated(do: Caller, call: int) -> Any:
    return do.until("calls.get", lambda shown: shown["status"] != "evaluating", call)


def metrics(do: Caller, boss: Caller) -> None:
    agent = _agent(do)
    made = do.call("metrics.create", name=f"Confirmed {do.way}", agents=[agent], **ASK)
    pk = made["id"]
    _expect(do.call("metrics.get", pk)["eval_type"] == "binary", "eval_type")
    _expect(do.call("metrics.update", pk, description="Was it?")["description"] == "Was it?", "description")
    two = do.call("metrics.bulk_create", [{"name": f"{name} {do.way}", **ASK} for name in "AB"])
    ids = [one["id"] for one in two]
    _expect(pk in [one["id"] for one in do.call("metrics.list", agent_id=agent)], "it is listed")
    do.call("metrics.bulk_toggle_settings", metric_ids=ids, observability_enabled=False)
    do.call(
        "metrics.bulk_manage_agents",
        project_id=made["project"],
        metric_ids=ids,
        agent_ids=[agent],
        mode="enable",
    )
    do.call("metrics.variables", pk)
    do.call("metrics.add_to_predefined_metrics", ids[0])
    do.call("metrics.delete_bulk", metrics=ids)
    call = _send(do, agent)
    _evaluated(do, call)
    asked = do.call("metrics.preview", {"name": "P", **ASK}, agent_id=agent, call_log_ids=[call])
    done = do.until("metrics.preview_progress", _over, progress_id=asked["progress_id"])
    _expect(done["status"] == "completed", "the preview")
    do.call("metrics.evaluate_llm_judge_metric", pk, call_log_id=call)
    do.call("metrics.evaluate_basic_metric", pk, call_log_id=call)
    do.call("metrics.evaluate_advance_metric", pk, call_log_id=call)
    do.call("metrics.delete", pk)


def _over(shown: Any) -> bool:
    return shown["status"] not in {"queued", "in_progress", "processing", "pending"}


def writing(do: Caller, boss: Caller) -> None:
    """What a model writes for people."""
    agent = _agent(do)
    metric = do.call("metrics.create", name=f"Wordy {do.way}", agents=[agent], **ASK)["id"]
    asked = do.call("metrics.generate", agent_id=agent, num_metrics=3)
    done = do.until("metrics.generate_progress", _over, progress_id=asked["progress_id"])
    _expect(done["status"] == "completed" and bool(done["metrics"]), "generated metrics")
    said = {"agent": agent, "metric_description": "was it ok??", "eval_type": "boolean"}
    _expect(bool(do.call("metrics.generate_clean_description", **said)["clean_description"]), "a text")
    asked = do.call("metrics.generate_clean_description_bg", **said)
    done = do.until("metrics.generate_clean_description_progress", _over, progress_id=asked["progress_id"])
    _expect(bool(done["clean_description"]), "a text")
    done = do.call("metrics.generate_evaluation_trigger", metric_id=metric)
    _expect(bool(done["evaluation_trigger_prompt"]), "a trigger")
    asked = do.call("metrics.simplify_prompt", original_prompt="Say whether it is said.", metric_id=metric)
    done = do.until("metrics.simplify_prompt_progress", _over, progress_id=asked["progress_id"])
    _expect(bool(done["simplified_prompt"]), "a prompt")


def predefined_metrics(do: Caller, boss: Caller) -> None:
    agent = _agent(do)
    code = do.call("predefined_metrics.list")[0]["code"]
    _expect(len(do.call("predefined_metrics.copy", metric_codes=[code], agent_id=agent)) == 1, "a copy")


def calls(do: Caller, boss: Caller) -> None:
    agent = _agent(do)
    metric = do.call("metrics.create", name=f"Kept {do.way}", agents=[agent], **ASK)["id"]
    first, second = _send(do, agent), _send(do, agent)
    _evaluated(do, first)
    _expect(do.call("calls.list", agent_id=agent, page_size=1)["count"] == 2, "count")
    do.call("calls.evaluate_metrics", agent_id=agent, call_logs=[first], metrics=[metric])
    _expect(len(do.call("calls.rerun_evaluation", agent_id=agent, call_logs="all")) == 2, "both calls")
    _evaluated(do, first)
    do.call("calls.mark_metric_vote", first, metric_id=metric, thumbs_up=True)
    do.absent("calls.create_scenarios", call_logs=[first], agent_id=agent)
    do.absent("calls.create_scenarios_progress", progress_id=str(uuid.uuid4()))
    do.absent("calls.mark_critical_scenario_wrong", first, category_id=1)
    do.absent("calls.unmark_critical_scenario_wrong", first, category_id=1)
    _expect(do.call("calls.analyze", agent_id=agent)["total_calls"] == 2, "both calls")
    do.call("calls.get_filters", agent_id=agent)
    asked = do.call("calls.export", agent_id=agent)
    do.until("calls.export_progress", _over, progress_id=asked["progress_id"])
    do.call("calls.delete", first)
    do.call("calls.delete_bulk", agent_id=agent, call_logs=[second])


def provider_calls(do: Caller, boss: Caller) -> None:
    """What providers and the tracers send."""
    agent = int(
        do.call(
            "agents.create",
            name=f"Provided {do.way}",
            description=DESCRIPTION,
            provider={"type": "vapi", "agent_id": f"prov-{do.way}"},
        )["id"]
    )
    messages = [{"role": "bot", "message": "Hello.", "time": 1, "secondsFromStart": 1.0, "duration": 900}]
    report = {
        "type": "end-of-call-report",
        "call": {"id": f"vapi-{do.way}", "assistantId": f"prov-{do.way}"},
        "artifact": {"messages": messages},
        "endedReason": "customer-ended-call",
    }
    do.call("calls.observe_vapi", message=report)
    words = [{"word": "Hello", "start": 0.1, "end": 0.5}]
    retell = {
        "call_id": f"retell-{do.way}",
        "agent_id": f"prov-{do.way}",
        "transcript_object": [{"role": "agent", "content": "Hello", "words": words}],
    }
    do.call("calls.observe_retell", event="call_ended", call=retell)
    said = [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi."}]
    do.call(
        "calls.observe_pipecat",
        agent_id=agent,
        session_id=f"pipecat-{do.way}",
        transcript_json=said,
        trace_id=uuid.uuid4().hex,
    )
    items = [{"type": "message", "role": "assistant", "content": ["Hello."]}]
    sent = do.call(
        "calls.observe_livekit",
        agent_id=agent,
        session_id=f"livekit-{do.way}",
        call_id=f"livekit-{do.way}",
        transcript_json=items,
        trace_id=uuid.uuid4().hex,
    )
    call = sent.get("id") or do.call("calls.list", agent_id=agent)["results"][0]["id"]
    do.nothing("calls.get_trace", call, says="trace")


def uploads(do: Caller, boss: Caller) -> None:
    agent = _agent(do)
    call = _send(do, agent)
    there = do.call("calls.get_upload_url", file_name="a.wav", call_log_id=call)
    sent = httpx.put(there["upload_url"], content=recording())
    _expect(sent.status_code == 200, sent.text)
    do.call("calls.complete_upload", key=there["key"], call_log_id=call)


def alerts(do: Caller, boss: Caller) -> None:
    metric = do.call("metrics.create", name=f"Watched {do.way}", **ASK)
    made = do.call(
        "alerts.create",
        name=f"Low {do.way}",
        project=metric["project"],
        source_type="metric",
        source_id=metric["id"],
        source={"sub_type": "normal"},
    )
    pk = made["id"]
    _expect(do.call("alerts.get", pk)["name"] == f"Low {do.way}", "name")
    _expect(do.call("alerts.update", pk, enabled=False)["enabled"] is False, "enabled")
    _expect(pk in [one["id"] for one in do.call("alerts.list")], "it is listed")
    do.call("alerts.review", project_id=metric["project"])
    do.call("alerts.delete", pk)


def metric_reviews(do: Caller, boss: Caller) -> None:
    agent = _agent(do)
    metric = do.call("metrics.create", name=f"Reviewed {do.way}", agents=[agent], **ASK)["id"]
    call = _send(do, agent)
    _evaluated(do, call)
    do.call("calls.mark_metric_vote", call, metric_id=metric, thumbs_up=False, feedback="no")
    review = do.call("metrics.get", metric)["reviews"][0]["id"]
    do.call("metric_reviews.update", review, feedback="Not at all.")
    asked = do.call("metric_reviews.process_feedbacks", metric_id=metric)
    do.until("metric_reviews.process_feedbacks_progress", _over, progress_id=asked["progress_id"])
    asked = do.call("metrics.run_reviews", metric)
    do.until("metrics.run_reviews_progress", _over, progress_id=asked["progress_id"])


STEPS: tuple[Callable[[Caller, Caller], None], ...] = (
    projects,
    organizations,
    api_keys,
    agents,
    metrics,
    writing,
    predefined_metrics,
    calls,
    provider_calls,
    uploads,
    alerts,
    metric_reviews,
)
