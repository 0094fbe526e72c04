"""What people said, what is learned from it, and the server itself."""

from __future__ import annotations

from callgauge.api import agreement, metric_reviews, review
from callgauge.api.openapi.kinds import (
    ID,
    NUMBER,
    OBJECT,
    PAGES,
    PROJECT,
    TEXT,
    Operation,
    Operations,
    Query,
    Schema,
    in_pages,
    obj,
)

SCHEMAS: dict[str, Schema] = {}
METRIC = Query("metric_id", ID)
JOB = obj({"progress_id": TEXT, "status": TEXT})
PROGRESS = (Query("progress_id"), Query("job_id", TEXT, "What the official command line calls it."))
OPERATIONS: Operations = {
    ("ReviewQueue", "GET"): Operation(
        summary="What waits for the reviewer.",
        answer=OBJECT,
        query=(
            PROJECT,
            METRIC,
            Query("agent_id", ID),
            Query("kind"),
            Query("reason"),
            Query("assigned"),
            Query("blind"),
            Query("reviewer"),
            Query("cursor"),
            *PAGES[1:],
        ),
        action="list",
    ),
    ("OneReviewItem", "GET"): Operation(
        summary="An item with its call.", answer=OBJECT, query=(Query("blind"),)
    ),
    ("AnswerItem", "POST"): Operation(summary="Answer an item.", body=review.AnswerShape, answer=OBJECT),
    ("SkipItem", "POST"): Operation(summary="Skip an item.", answer=OBJECT),
    ("AssignItem", "POST"): Operation(summary="Give an item to somebody.", body=OBJECT, answer=OBJECT),
    ("TakeBackSkips", "POST"): Operation(summary="Take skips back.", body=OBJECT, answer=OBJECT),
    ("AskToReview", "POST"): Operation(
        summary="Put calls into the queue.", body=review.AskShape, answer=OBJECT
    ),
    ("SecondOpinions", "POST"): Operation(
        summary="Ask for blind second opinions.", body=review.SecondShape, answer=OBJECT
    ),
    ("Votes", "GET"): Operation(
        summary="Every vote on a call.",
        answer=OBJECT,
        query=(Query("call_log_id", ID), METRIC),
        action="list",
    ),
    ("Withdraw", "POST"): Operation(summary="Withdraw a vote.", answer=OBJECT),
    ("MetricAgreement", "GET"): Operation(
        summary="A metric against people.", answer=OBJECT, query=(METRIC, Query("version"), Query("only"))
    ),
    ("GoldenSets", "GET"): in_pages(OBJECT, "List golden sets.", PROJECT),
    ("GoldenSets", "POST"): Operation(
        summary="Make a golden set.", body=agreement.GoldenShape, answer=OBJECT, status=201
    ),
    ("OneGoldenSet", "GET"): Operation(summary="Read a golden set.", answer=OBJECT),
    ("OneGoldenSet", "PATCH"): Operation(
        summary="Change a golden set.", body=agreement.GoldenShape, answer=OBJECT
    ),
    ("OneGoldenSet", "DELETE"): Operation(summary="Delete a golden set.", answer=None, status=204),
    ("GoldenCases", "GET"): in_pages(OBJECT, "The cases of a golden set."),
    ("GoldenCases", "POST"): Operation(summary="Put cases in.", body=agreement.CasesShape, answer=OBJECT),
    ("GoldenCases", "DELETE"): Operation(summary="Take cases out.", body=agreement.DropShape, answer=OBJECT),
    ("TheGate", "GET"): Operation(
        summary="Whether a version is good enough by known answers.",
        answer=OBJECT,
        query=(
            Query("metric", TEXT, "Id or slug."),
            Query("golden_set", TEXT, "Id or name; without it, all that people answered."),
            Query("min_kappa", NUMBER),
            Query("min_accuracy", NUMBER),
            Query("max_regressions"),
            Query("min_cases"),
            Query("version"),
            Query("baseline"),
        ),
    ),
    ("GateRun", "POST"): Operation(summary="Measure what the gate misses.", body=OBJECT, answer=OBJECT),
    ("RunReviews", "POST"): Operation(
        summary="Try a draft on calls that people answered.", body=metric_reviews.RunShape, answer=JOB
    ),
    ("RunReviewsProgress", "GET"): Operation(summary="What came of a draft.", answer=OBJECT, query=PROGRESS),
    ("ProcessFeedbacks", "POST"): Operation(
        summary="Learn a better wording from people's answers.",
        body=metric_reviews.FeedbacksShape,
        answer=JOB,
    ),
    ("ProcessFeedbacksProgress", "GET"): Operation(
        summary="The wording that was learned.", answer=OBJECT, query=PROGRESS
    ),
    ("MetricReview", "PATCH"): Operation(
        summary="Edit a person's answer.", body=metric_reviews.AnswerShape, answer=OBJECT
    ),
    ("Proposals", "GET"): in_pages(OBJECT, "List proposals.", METRIC),
    ("OneProposal", "GET"): Operation(summary="Read a proposal.", answer=OBJECT),
    ("ApplyProposal", "POST"): Operation(summary="Apply a proposal.", answer=OBJECT),
    ("DismissProposal", "POST"): Operation(summary="Dismiss a proposal.", answer=OBJECT),
}
