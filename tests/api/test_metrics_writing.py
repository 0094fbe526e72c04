"""What a model writes for people, over HTTP and through a real executor."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from callgauge.domain.judging import JudgeAnswer, JudgeRefused
from callgauge.domain.outcomes import Usage
from callgauge.engine.writing import WritingKind
from callgauge.flow import errands, writing
from callgauge.store.models import WritingJob
from callgauge.worker.executor import Executor
from tests.calls import make_call
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/test_framework/v1/metrics/"
LONG = "Takes bookings for the restaurant Bella Vista and repeats the day, the time and the number of people."
ANSWERS: dict[str, dict[str, Any]] = {
    "write_metrics": {
        "metrics": [
            {"name": "Repeats", "description": "Is it repeated?", "eval_type": "binary", "labels": []}
        ]
    },
    "write_description": {"thinking": "Clear.", "clean_description": "Is every detail repeated?"},
    "write_trigger": {"thinking": "", "always": False, "evaluation_trigger_prompt": "A booking came up."},
    "write_simpler": {"unchanged": False, "simplified_prompt": "Is it so?"},
}


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@contextmanager
def working(judge: FakeJudge | None, **options: Any) -> Iterator[None]:
    executor = Executor("test:1", lambda: judge, concurrency=4, **options)
    executor.start()
    try:
        yield
    finally:
        executor.stop()


def writer() -> FakeJudge:
    return FakeJudge(lambda request: ANSWERS.get(request.metric_name, verdict(True)))


def done(alice: Tenant, path: str, uid: str) -> Any:
    def look() -> Any:
        return alice.client.get(f"{URL}{path}/", {"progress_id": uid}).json()

    wait_until(lambda: look()["status"] in ("completed", "failed"))
    return look()


def test_metrics_are_generated_and_can_be_made_as_they_are(alice: Tenant) -> None:
    agent = alice.agent(description=LONG)
    judge = writer()
    with working(judge):
        asked = alice.client.post(f"{URL}generate_metrics/", {"agent_id": str(agent.pk), "num_metrics": 2})
        assert asked.status_code == 200
        shown = done(alice, "generate_metrics_progress", asked.json()["progress_id"])
    assert shown["status"] == "completed"
    assert shown["metrics"] == shown["generated_metrics"]
    assert alice.client.get(URL).json() == []  # nothing is saved by itself
    made = alice.client.post(f"{URL}bulk_create/", shown["metrics"])
    assert made.status_code == 201
    assert made.json()[0]["agents"] == [agent.pk]
    assert len(judge.asked) == 1


def test_descriptions_triggers_and_simpler_prompts(alice: Tenant) -> None:
    agent = alice.agent(description=LONG)
    ask = {"name": "M", "type": "llm_judge", "eval_type": "binary", "description": "Refunded?"}
    metric = alice.client.post(URL, ask).json()["id"]
    clean = {"agent": agent.pk, "metric_description": "is it repeated??", "eval_type": "boolean"}
    with working(writer()):
        now = alice.client.post(f"{URL}generate_clean_description/", clean)
        assert (now.status_code, now.json()["clean_description"]) == (200, "Is every detail repeated?")
        later = alice.client.post(f"{URL}generate_clean_description_bg/", clean).json()["progress_id"]
        shown = done(alice, "generate_clean_description_progress", later)
        assert (shown["status"], shown["thinking"]) == ("completed", "Clear.")
        trigger = alice.client.post(f"{URL}generate_evaluation_trigger/", {"metric_id": metric}).json()
        assert trigger["evaluation_trigger_prompt"] == "A booking came up."
        said = {"original_prompt": "Say if it is so.", "metric_id": metric}
        simpler = alice.client.post(f"{URL}simplify_prompt/", said).json()["progress_id"]
        shown = done(alice, "simplify_prompt_progress", simpler)
        assert (shown["simplified_prompt"], shown["metric_id"]) == ("Is it so?", metric)


def test_a_fault_of_the_judge_is_told(alice: Tenant) -> None:
    def refuse(request: Any) -> Any:
        raise JudgeRefused("The model is not known.")

    said = {"metric_description": "is it??"}
    with working(FakeJudge(refuse)):
        answer = alice.client.post(f"{URL}generate_clean_description/", said)
    assert answer.json() == {"non_field_errors": ["The model is not known."]}
    with working(None):
        uid = alice.client.post(f"{URL}generate_clean_description_bg/", said).json()["progress_id"]
        shown = done(alice, "generate_clean_description_progress", uid)
    assert (shown["status"], "CALLGAUGE_JUDGE" in shown["error"]) == ("failed", True)


def test_nobody_there_to_write_is_202_with_what_to_look_at(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.api.metrics_writing.WAIT_SECS", 0.0)
    answer = alice.client.post(f"{URL}generate_clean_description/", {"metric_description": "is it??"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_an_answer_that_was_paid_for_is_used_and_not_asked_again(alice: Tenant) -> None:
    said = {"metric_description": "is it??"}
    uid = alice.client.post(f"{URL}generate_clean_description_bg/", said).json()["progress_id"]
    work = writing.claim_writing("gone:1")
    assert work is not None
    assert writing.begin_writing("gone:1", work.pk)
    writing.store_writing(work.pk, JudgeAnswer(ANSWERS["write_description"], "fake", Usage(cost_usd=0.01)))
    errands.take_over(WritingJob, "gone:")
    judge = writer()
    with working(judge):
        assert done(alice, "generate_clean_description_progress", uid)["status"] == "completed"
    assert judge.asked == []
    assert WritingJob.objects.get().cost_usd == 0.01


@pytest.mark.parametrize(("fail", "status", "asked"), [(False, "completed", 1), (True, "failed", 0)])
def test_what_may_have_been_sent_is_asked_again_or_failed(
    alice: Tenant, fail: bool, status: str, asked: int
) -> None:
    said = {"metric_description": "is it??"}
    uid = alice.client.post(f"{URL}generate_clean_description_bg/", said).json()["progress_id"]
    work = writing.claim_writing("gone:1")
    assert work is not None
    writing.begin_writing("gone:1", work.pk)
    errands.take_over(WritingJob, "gone:")
    judge = writer()
    with working(judge, fail_interrupted=fail):
        assert done(alice, "generate_clean_description_progress", uid)["status"] == status
    assert len(judge.asked) == asked


def test_a_stop_lets_the_answer_come_in(alice: Tenant) -> None:
    sent, go_on = threading.Event(), threading.Event()

    class Slow(FakeJudge):
        async def ask(self, request: Any) -> JudgeAnswer:
            import asyncio

            sent.set()
            await asyncio.get_running_loop().run_in_executor(None, go_on.wait)
            return await super().ask(request)

    judge = Slow(lambda request: ANSWERS[request.metric_name])
    alice.client.post(f"{URL}generate_clean_description_bg/", {"metric_description": "is it??"})
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    sent.wait()
    stopping = threading.Thread(target=executor.stop)
    stopping.start()
    go_on.set()
    stopping.join()
    assert WritingJob.objects.get().answer == ANSWERS["write_description"]


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        ("generate_metrics", {}, "agent_id"),
        ("generate_metrics", {"agent_id": 999_999}, "agent_id"),
        ("generate_metrics", {"agent_id": "SHORT"}, "agent_id"),
        ("generate_metrics", {"agent_id": "SHORT", "num_metrics": 101}, "num_metrics"),
        ("generate_clean_description", {"agent": "SHORT"}, "metric_description"),
        ("generate_clean_description_bg", {"metric_description": "x", "eval_type": "colour"}, "eval_type"),
        ("generate_evaluation_trigger", {}, "metric_description"),
        ("generate_evaluation_trigger", {"metric_id": 999_999}, "metric_id"),
        ("simplify_prompt", {}, "original_prompt"),
        ("simplify_prompt", {"original_prompt": " "}, "original_prompt"),
    ],
)
def test_nonsense_is_refused_with_its_field(
    alice: Tenant, path: str, said: dict[str, Any], field: str
) -> None:
    short = alice.agent(description="Too short.")
    body = {name: short.pk if value == "SHORT" else value for name, value in said.items()}
    answer = alice.client.post(f"{URL}{path}/", body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not WritingJob.objects.exists()


def test_jobs_are_walled_off_and_forgotten(alice: Tenant) -> None:
    charlie = tenant("Rival", "Support")
    uid = alice.client.post(f"{URL}simplify_prompt/", {"original_prompt": "Is it so?"}).json()["progress_id"]
    for progress_id in (uid, "0" * 32):
        answer = charlie.client.get(f"{URL}simplify_prompt_progress/", {"progress_id": progress_id})
        assert answer.json() == {"detail": "Not found."}
    other = alice.client.get(f"{URL}generate_metrics_progress/", {"progress_id": uid})
    assert other.status_code == 404  # a job of another kind
    WritingJob.objects.update(created_at=WritingJob.objects.get().created_at - errands.KEPT_FOR)
    alice.client.post(f"{URL}simplify_prompt/", {"original_prompt": "Is it so?"})
    assert [job.kind for job in WritingJob.objects.all()] == [WritingKind.SIMPLER]
    assert alice.client.get(f"{URL}simplify_prompt_progress/", {"progress_id": uid}).status_code == 404


@pytest.mark.parametrize("kind", ["llm_judge", "basic", "advance"])
def test_one_saved_metric_on_chosen_calls(alice: Tenant, kind: str) -> None:
    ask = {"name": "M", "type": "llm_judge", "eval_type": "binary", "description": "Refunded?"}
    metric = alice.client.post(URL, ask).json()["id"]
    call = make_call(alice.agent(), "one")
    address = f"{URL}{metric}/evaluate_{kind}_metric/"
    with working(writer()):
        asked = alice.client.post(address, {"data": {"call_log_id": call.pk}})
        assert asked.status_code == 200, asked.json()
        shown = done(alice, "evaluate_metric_progress", asked.json()["progress_id"])
    assert shown["results"][0]["passed"] is True
    assert list(alice.client.post(address, {}).json()) == ["call_log_id"]
