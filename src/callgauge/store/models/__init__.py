"""The tables."""

from django.db.models import Model

from callgauge.store.models.alerts import Alert
from callgauge.store.models.audit import ActorKind, AuditEntry
from callgauge.store.models.calls import (
    Agent,
    AgentVersion,
    CallLog,
    CallOriginal,
    CallPayload,
    DeferredCall,
)
from callgauge.store.models.errands import Errand, ErrandState
from callgauge.store.models.evaluation import (
    ASKED_FOR,
    UNFINISHED,
    BatchEnding,
    BatchStep,
    Chunk,
    ChunkKind,
    ChunkState,
    JudgeBatch,
    JudgeCall,
    JudgeCallState,
    MetricResult,
    PauseReason,
    Priority,
    Rerun,
    RerunKind,
    RerunState,
    ResultOutcome,
    Reuse,
)
from callgauge.store.models.exports import CallExport, ExportFormat, ExportPiece
from callgauge.store.models.figures import DayFigures, RubricChange
from callgauge.store.models.golden import GoldenCase, GoldenSet
from callgauge.store.models.knowledge import KnowledgeBaseFile
from callgauge.store.models.labs import Lab, LabCase, LabKind
from callgauge.store.models.metadata import CallMetadata
from callgauge.store.models.metrics import Metric, MetricVersion, OwnPredefined, RubricRule
from callgauge.store.models.people import LinkKind, OneTimeLink, SignInTries
from callgauge.store.models.previews import MetricPreview
from callgauge.store.models.recordings import (
    Recording,
    RecordingDictation,
    RecordingFile,
    RecordingRedaction,
    RecordingState,
    RecordingText,
    RecordingUpload,
)
from callgauge.store.models.reviews import Review, ReviewItem, ReviewRole, ReviewScan, ReviewSkip
from callgauge.store.models.shadows import Shadow
from callgauge.store.models.system import (
    Duty,
    Installation,
    ProviderAnswered,
    ProviderBucket,
    RateBucket,
    RememberedRequest,
    WorkerProcess,
)
from callgauge.store.models.tenancy import (
    ApiKey,
    DuplicateCallPolicy,
    Member,
    Organization,
    Project,
    Role,
    User,
)
from callgauge.store.models.views import SavedView
from callgauge.store.models.webhooks import WebhookDelivery, WebhookEvent
from callgauge.store.models.writing import WritingJob

SEALED_COLUMNS: tuple[tuple[type[Model], str], ...] = ((Agent, "secrets"), (Project, "secrets"))
"""Columns that hold what flow.sealing sealed: a text, or an object of texts. They are sealed anew when the
secret key changes; a table that keeps secrets has a line here."""

__all__ = [
    "ASKED_FOR",
    "SEALED_COLUMNS",
    "UNFINISHED",
    "ActorKind",
    "Agent",
    "AgentVersion",
    "Alert",
    "ApiKey",
    "AuditEntry",
    "BatchEnding",
    "BatchStep",
    "CallExport",
    "CallLog",
    "CallMetadata",
    "CallOriginal",
    "CallPayload",
    "Chunk",
    "ChunkKind",
    "ChunkState",
    "DayFigures",
    "DeferredCall",
    "DuplicateCallPolicy",
    "Duty",
    "Errand",
    "ErrandState",
    "ExportFormat",
    "ExportPiece",
    "GoldenCase",
    "GoldenSet",
    "Installation",
    "JudgeBatch",
    "JudgeCall",
    "JudgeCallState",
    "KnowledgeBaseFile",
    "Lab",
    "LabCase",
    "LabKind",
    "LinkKind",
    "Member",
    "Metric",
    "MetricPreview",
    "MetricResult",
    "MetricVersion",
    "OneTimeLink",
    "Organization",
    "OwnPredefined",
    "PauseReason",
    "Priority",
    "Project",
    "ProviderAnswered",
    "ProviderBucket",
    "RateBucket",
    "Recording",
    "RecordingDictation",
    "RecordingFile",
    "RecordingRedaction",
    "RecordingState",
    "RecordingText",
    "RecordingUpload",
    "RememberedRequest",
    "Rerun",
    "RerunKind",
    "RerunState",
    "ResultOutcome",
    "Reuse",
    "Review",
    "ReviewItem",
    "ReviewRole",
    "ReviewScan",
    "ReviewSkip",
    "Role",
    "RubricChange",
    "RubricRule",
    "SavedView",
    "Shadow",
    "SignInTries",
    "User",
    "WebhookDelivery",
    "WebhookEvent",
    "WorkerProcess",
    "WritingJob",
]
