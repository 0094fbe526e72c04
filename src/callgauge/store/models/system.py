"""Rows that serve the server itself: installation, rate limits, remembered requests."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.evaluation import Rerun
from callgauge.store.models.tenancy import Project


class Installation(models.Model):
    """One row: who this installation is on a broker or database that it shares."""

    uid = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.uid


class Duty(models.Model):
    """Something that one process at a time does for the whole installation, under a lease."""

    name = models.CharField(max_length=32, unique=True)
    owner = models.CharField(max_length=64)
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class WorkerProcess(models.Model):
    """A worker that a broker brings work to; it says every few seconds that it is there."""

    owner = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.owner


class RateBucket(models.Model):
    """A token bucket; in the database because limits must hold across processes and restarts."""

    project = models.ForeignKey(Project, models.CASCADE)
    scope = models.CharField(max_length=32)
    tokens = models.FloatField()
    refilled_at = models.FloatField()
    """Unix seconds."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "scope"], name="one_bucket")]

    def __str__(self) -> str:
        return f"{self.scope} of project {self.project_id}"


class ProviderBucket(models.Model):
    """How much may be asked of one provider of judges now; a row, so that the limit holds for all workers."""

    provider = models.CharField(max_length=64, unique=True)
    requests = models.FloatField()
    tokens = models.FloatField()
    """Less than 0 after a question larger than the bucket, or one that used more than was foreseen."""
    refilled_at = models.DateTimeField()
    paused_until = models.DateTimeField(null=True)
    """The provider asked one of the workers to wait until then, and means all of them."""

    def __str__(self) -> str:
        return self.provider


class ProviderAnswered(models.Model):
    """That a provider of judges answers at an address, written down now and then."""

    provider = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    """Its hash."""
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "address"], name="one_memory_per_address")]

    def __str__(self) -> str:
        return self.provider


class RememberedRequest(models.Model):
    """What an Idempotency-Key was used for."""

    project = models.ForeignKey(Project, models.CASCADE)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    rerun = models.ForeignKey(Rerun, models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="one_request_per_key")]

    def __str__(self) -> str:
        return f"request {self.pk}"
