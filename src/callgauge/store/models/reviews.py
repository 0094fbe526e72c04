"""What people said of results, and what they are asked to look at. A review survives every rerun."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.calls import CallLog
from callgauge.store.models.evaluation import MetricResult
from callgauge.store.models.metrics import Metric, MetricVersion
from callgauge.store.models.tenancy import ApiKey, Project, User


class ReviewRole(models.TextChoices):
    FIRST = "first", "a person's answer; the newest of a call and metric counts"
    SECOND = "second", "an independent answer of another person, who saw neither the first nor the machine's"
    ADJUDICATION = "adjudication", "the decision between two that differ"


class Review(models.Model):
    """A vote on one metric of one call. Append-only; the newest that counts is current. A second review is
    never current: it is there to be compared with."""

    call = models.ForeignKey(CallLog, models.CASCADE, related_name="reviews")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="reviews")
    result = models.ForeignKey(MetricResult, models.SET_NULL, null=True)
    """The machine's result that was current."""
    version = models.ForeignKey(MetricVersion, models.CASCADE, null=True, related_name="+")
    """What the metric asked when the person answered it."""
    meaning = models.PositiveIntegerField(default=1)
    """Of that version. The answer is stale once the metric means something else; see flow.agreement."""
    role = models.CharField(max_length=12, choices=ReviewRole.choices, default=ReviewRole.FIRST)
    compared_with = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    """Of a second review: the answer that it doubles."""
    thumbs_up = models.BooleanField(null=True)
    has_expected_value = models.BooleanField(default=False)
    """An expected value of null says "not applicable", which is not the same as none given."""
    expected_value = models.JSONField(null=True)
    feedback = models.TextField(blank=True)
    is_current = models.BooleanField(default=True)
    is_blind = models.BooleanField(default=False)
    """The person had not been shown the machine's value."""
    picked = models.PositiveSmallIntegerField(default=0)
    """Why the queue showed it, as the bits of flow.review_reasons; 0 where the person came by themselves."""
    reviewer = models.CharField(max_length=255, blank=True)
    """Who said it: see flow.reviewers."""
    by_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True)
    by_user = models.ForeignKey(User, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["call", "metric"], condition=Q(is_current=True), name="one_current_review"
            )
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"


class ReviewItem(models.Model):
    """Something that a person is asked to look at, and why. Done once it is answered."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="review_items", db_index=False)
    call = models.ForeignKey(CallLog, models.CASCADE, related_name="review_items")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="review_items")
    kind = models.CharField(max_length=12, choices=ReviewRole.choices, default=ReviewRole.FIRST)
    rank = models.PositiveSmallIntegerField()
    """What teaches most comes first; the bits of flow.review_reasons."""
    why = models.JSONField(default=list)
    """[{"reason", "text"}]: the text may tell the machine's value."""
    first = models.ForeignKey(Review, models.CASCADE, null=True, related_name="+")
    """Of a second review or an adjudication: the answer in question."""
    second = models.ForeignKey(Review, models.CASCADE, null=True, related_name="+")
    assignee = models.CharField(max_length=255, blank=True)
    """As in Review.reviewer; empty: anybody."""
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["call", "metric", "kind"], condition=Q(done_at=None), name="one_open_review_item"
            )
        ]
        indexes = [
            models.Index(fields=["project", "-rank", "id"], condition=Q(done_at=None), name="review_queue")
        ]

    def __str__(self) -> str:
        return f"{self.kind} review of call {self.call_id}"


class ReviewSkip(models.Model):
    """A person would rather not answer this; others still may."""

    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="skips")
    reviewer = models.CharField(max_length=255)
    was_theirs = models.BooleanField(default=False)
    """Whether the item was assigned to them until then, and is again when they take it back."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "reviewer"], name="one_skip")]

    def __str__(self) -> str:
        return f"skip of {self.item_id}"


class ReviewScan(models.Model):
    """How far a project's results have been looked through for what is worth a person's time."""

    project = models.OneToOneField(Project, models.CASCADE, primary_key=True, related_name="review_scan")
    through_id = models.BigIntegerField(default=0)
    rubric_version = models.PositiveIntegerField(default=0)
    """The limits that "near a threshold" was worked out with."""

    def __str__(self) -> str:
        return f"scan of project {self.project_id}"
