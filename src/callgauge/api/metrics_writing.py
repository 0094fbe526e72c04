"""What a model writes for people who set up metrics: asked for, then looked at until it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Choice, RowId, Shape, Text, Whole, query_text
from callgauge.api.routing import route
from callgauge.domain.metrics import EvalType
from callgauge.engine.writing import Asked, WritingKind
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.scope import Who, find_agent, find_agent_by_assistant, require_project
from callgauge.flow.writing import find_writing, request_writing, wait_for
from callgauge.store.models import Agent, ErrandState, Metric, Project, WritingJob

LEAST_DESCRIPTION = 100
"""Characters; the contract's. Less says too little about what the agent is for."""
MAX_TEXT = 50_000
WAIT_SECS = 20.0
"""Below the official client's 30 s: what takes longer is answered 202 with a progress_id."""
EVAL_TYPES = {
    "boolean": EvalType.BINARY,
    "rating": EvalType.RATING,
    **{kind.value: kind for kind in EvalType},
}
"""The first two are the contract's words here; its others are read too."""


class GenerateShape(Shape):
    agent_id = RowId(allow_null=True)
    assistant_id = Text(255)
    num_metrics = Whole(minimum=1, maximum=100)


class CleanShape(Shape):
    agent = RowId(allow_null=True)
    agent_id = RowId(allow_null=True)
    project_id = RowId(allow_null=True)
    metric_description = Text(MAX_TEXT)
    description = Text(MAX_TEXT)
    eval_type = Choice(list(EVAL_TYPES), required=False)


class TriggerShape(CleanShape):
    metric_id = RowId(allow_null=True)


class SimplifyShape(Shape):
    original_prompt = Text(MAX_TEXT, required=True, allow_blank=False, allow_null=False)
    metric_id = RowId(allow_null=True)
    project_id = RowId(allow_null=True)


class Generate(APIView):
    serializer_class = GenerateShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = GenerateShape.read(request)
        agent = _agent(key, said)
        if len(agent.description.strip()) < LEAST_DESCRIPTION:
            raise Invalid.field(
                "agent_id", f"The agent's description must have at least {LEAST_DESCRIPTION} characters."
            )
        there = Metric.objects.filter(project=agent.project, deleted_at=None).order_by("pk")
        asked = Asked(
            agent_name=agent.name,
            agent_description=agent.description,
            count=said.get("num_metrics", 1),
            there=tuple(there.values_list("name", flat=True)),
        )
        about = {"agent": agent.pk, "project": agent.project_id}
        job = request_writing(agent.project, WritingKind.METRICS, asked, about)
        return Response({"progress_id": job.uid, "status": job.state})


class CleanDescription(APIView):
    """Waits for the answer."""

    serializer_class = CleanShape
    waits = True

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = CleanShape.read(request)
        text = _needed(said, "metric_description", "description")
        project, agent = _place(key, said)
        asked = _about_metric(text, agent, EVAL_TYPES[said.get("eval_type", "boolean")])
        job = request_writing(project, WritingKind.DESCRIPTION, asked)
        return _waited(job) if self.waits else Response({"progress_id": job.uid, "status": job.state})


class CleanDescriptionLater(CleanDescription):
    waits = False


class EvaluationTrigger(APIView):
    """Waits for the answer."""

    serializer_class = TriggerShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = TriggerShape.read(request)
        metric = _metric(key, said)
        if metric is None:
            project, _ = _place(key, said)
            text = _needed(said, "metric_description", "description")
        else:
            project, version = metric.project, current_version(metric)
            text = said.get("metric_description") or said.get("description") or version.description
        about = {} if metric is None else {"metric_id": metric.pk}
        return _waited(request_writing(project, WritingKind.TRIGGER, Asked(text=text), about))


class SimplifyPrompt(APIView):
    serializer_class = SimplifyShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = SimplifyShape.read(request)
        metric = _metric(key, said)
        project = metric.project if metric is not None else require_project(key, said.get("project_id"))
        about = {} if metric is None else {"metric_id": metric.pk}
        asked = Asked(text=_needed(said, "original_prompt"))
        job = request_writing(project, WritingKind.SIMPLER, asked, about)
        return Response({"progress_id": job.uid, "original_prompt": said["original_prompt"]})


class Progress(APIView):
    kind = WritingKind.METRICS

    def get(self, request: Request) -> Response:
        uid = query_text(request, "progress_id")
        if not uid:
            raise Invalid.field("progress_id", "This parameter is required.")
        return Response(present(find_writing(key_of(request), uid, self.kind)))


class CleanDescriptionProgress(Progress):
    kind = WritingKind.DESCRIPTION


class SimplifyProgress(Progress):
    kind = WritingKind.SIMPLER


def present(job: WritingJob) -> dict[str, Any]:
    """Where a job is, and what it gave. `error` is there only where it failed."""
    shown: dict[str, Any] = {"progress_id": job.uid, "status": job.state, **job.result}
    if job.state == ErrandState.FAILED:
        shown["error"] = job.error
    if job.kind == WritingKind.METRICS:
        metrics = [
            {**metric, "project": job.about["project"], "agents": [job.about["agent"]]}
            for metric in job.result.get("metrics", [])
        ]
        return {**shown, "metrics": metrics, "generated_metrics": metrics}
    return {**shown, **job.about}


def _waited(job: WritingJob) -> Response:
    job = wait_for(job, WAIT_SECS)
    if job.state == ErrandState.FAILED:
        raise Invalid.field("non_field_errors", job.error)
    done = job.state == ErrandState.COMPLETED
    return Response(present(job), status=status.HTTP_200_OK if done else status.HTTP_202_ACCEPTED)


def _about_metric(text: str, agent: Agent | None, eval_type: EvalType) -> Asked:
    if agent is None:
        return Asked(text=text, eval_type=eval_type.value)
    return Asked(
        text=text, eval_type=eval_type.value, agent_name=agent.name, agent_description=agent.description
    )


def _needed(said: Mapping[str, Any], *names: str) -> str:
    for name in names:
        text: str = said.get(name, "")
        if text.strip():
            return text
    raise Invalid.field(names[0], "This field is required.")


def _agent(who: Who, said: Mapping[str, Any]) -> Agent:
    try:
        if said.get("agent_id"):
            return find_agent(who, said["agent_id"])
        if said.get("assistant_id"):
            return find_agent_by_assistant(who, said["assistant_id"])
    except NotFound:
        raise Invalid.field("agent_id", "There is no such agent.") from None
    raise Invalid.field("agent_id", "This field is required.")


def _place(who: Who, said: Mapping[str, Any]) -> tuple[Project, Agent | None]:
    agent_id = said.get("agent") or said.get("agent_id")
    if not agent_id:
        try:
            return require_project(who, said.get("project_id")), None
        except NotFound:
            raise Invalid.field("project_id", "There is no such project.") from None
    try:
        agent = find_agent(who, agent_id)
    except NotFound:
        raise Invalid.field("agent", "There is no such agent.") from None
    return agent.project, agent


def _metric(who: Who, said: Mapping[str, Any]) -> Metric | None:
    if not said.get("metric_id"):
        return None
    try:
        return find_metric(who, str(said["metric_id"]))
    except NotFound:
        raise Invalid.field("metric_id", "There is no such metric.") from None


FAMILY = r"test_framework/v[12]/metrics(?:-external)?"
routes = [
    route(rf"{FAMILY}/generate_metrics", Generate.as_view()),
    route(rf"{FAMILY}/generate_metrics_progress", Progress.as_view()),
    route(rf"{FAMILY}/generate_clean_description", CleanDescription.as_view()),
    route(rf"{FAMILY}/generate_clean_description_bg", CleanDescriptionLater.as_view()),
    route(rf"{FAMILY}/generate_clean_description_progress", CleanDescriptionProgress.as_view()),
    route(rf"{FAMILY}/generate_evaluation_trigger", EvaluationTrigger.as_view()),
    route(rf"{FAMILY}/simplify_prompt", SimplifyPrompt.as_view()),
    route(rf"{FAMILY}/simplify_prompt_progress", SimplifyProgress.as_view()),
]
