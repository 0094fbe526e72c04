"""Recordings: the file, which calls may share, and what is known of it on each call."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.calls import CallLog
from callgauge.store.models.errands import Errand
from callgauge.store.models.tenancy import Project


class RecordingFile(models.Model):
    """A file in the store, named by its content. It goes with the last call that has it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="recording_files")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=32)
    duration_secs = models.FloatField(null=True)
    """Null until somebody has looked into the file, and where it cannot be read."""
    sample_rate = models.PositiveIntegerField(null=True)
    channels = models.PositiveSmallIntegerField(null=True)
    waveform = models.TextField(blank=True)
    """JSON, the wire's `waveform` without what a call adds; empty as long as `duration_secs` is null."""
    fault = models.CharField(max_length=32, blank=True)
    """Code of why it cannot be read (`audio.errors`); empty where it can, or nobody has looked."""
    fault_words = models.CharField(max_length=500, blank=True)
    look_until = models.DateTimeField(null=True)
    """Somebody is looking into the file until then; null where nobody is."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="recording_file_once")]

    def __str__(self) -> str:
        return self.sha256


class RecordingText(models.Model):
    """A piece of a file as a speech-to-text model wrote it down: paid once, whoever asks again."""

    file = models.ForeignKey(RecordingFile, models.CASCADE, related_name="texts")
    model = models.CharField(max_length=255)
    channel = models.PositiveSmallIntegerField()
    piece = models.PositiveSmallIntegerField()
    total = models.PositiveSmallIntegerField()
    """Pieces of the whole recording: as soon as so many are there, it need not be cut up again."""
    start_secs = models.FloatField()
    text = models.TextField(blank=True)
    language = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "model", "channel", "piece"], name="recording_text_once")
        ]

    def __str__(self) -> str:
        return f"piece {self.channel}.{self.piece} of {self.file_id}"


class RecordingDictation(Errand):
    """A file that a speech-to-text model is writing down now; the row is gone when nobody is. `uid` is the
    file's and the model's together."""

    file = models.ForeignKey(RecordingFile, models.CASCADE, related_name="dictations")
    model = models.CharField(max_length=255)

    def __str__(self) -> str:
        return f"{self.file_id} by {self.model}"


class RecordingState(models.TextChoices):
    WAITING = "waiting"
    """Its address is known; the file is to be fetched."""
    STORED = "stored"
    FAILED = "failed"
    """It could not be fetched, and will not be tried again by itself."""


class RecordingRedaction(models.TextChoices):
    """How far the personal data that is spoken in a recording is made unheard."""

    DUE = "due"
    AGAIN = "again"
    """Due once more, in a copy that was made before: what was recorded is not there any more."""
    DONE = "done"
    WITHHELD = "withheld"
    """Nobody knows where it is spoken, so nothing is played."""


class Recording(models.Model):
    """The recording of one call."""

    call = models.OneToOneField(CallLog, models.CASCADE, primary_key=True, related_name="recording")
    state = models.CharField(max_length=16, choices=RecordingState.choices)
    file = models.ForeignKey(RecordingFile, models.RESTRICT, null=True, related_name="recordings")
    """What is played. Null unless it is stored, and where personal data can still be heard in it."""
    original = models.ForeignKey(RecordingFile, models.RESTRICT, null=True, related_name="originals")
    """What `file` is made from, where that is a copy without personal data: it is measured, not played."""
    redaction = models.CharField(max_length=16, choices=RecordingRedaction.choices, blank=True)
    """Empty where nothing has to be made unheard."""
    url = models.TextField(blank=True)
    """Where it is fetched from."""
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    """While it waits: not to be tried before; somebody may be at it until then."""
    came_late = models.BooleanField(default=False)
    """Metrics may have wanted it before it could be heard; see flow.recordings.late."""
    fault = models.CharField(max_length=32, blank=True)
    fault_words = models.CharField(max_length=500, blank=True)
    """Why it failed, or why the last try did."""
    analysis = models.TextField(blank=True)
    """JSON of `audio.Analysis.to_json`; empty until some metric asked for it."""
    analysis_key = models.CharField(max_length=64, blank=True)
    """Hash of what the analysis rests on: file, version of the method, given channel, transcript's times."""

    class Meta:
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="recording_waiting"),
            models.Index(fields=["call"], condition=Q(came_late=True), name="recording_came_late"),
            models.Index(
                fields=["redaction"], condition=Q(redaction__in=["due", "again"]), name="recording_to_redact"
            ),
        ]

    def __str__(self) -> str:
        return f"recording of {self.call_id}"


class RecordingUpload(models.Model):
    """A place that a client asked for to upload a recording to, before it names the call."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="recording_uploads")
    key = models.CharField(max_length=64, unique=True)
    file_name = models.CharField(max_length=255, blank=True)
    file = models.ForeignKey(RecordingFile, models.RESTRICT, null=True, related_name="uploads")
    """Null until the file is there."""
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"upload {self.pk}"
