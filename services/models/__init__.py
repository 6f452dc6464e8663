"""The tables. The seed's models carry the seed's names in snake_case."""

from services.models.base import Base, new_id, now
from services.models.detector import DetectorVersion, Evaluation, VersionPeriod, VersionSwitch
from services.models.execution import (
    AgentUsage,
    ClaudeExecution,
    ExecutionAttempt,
    ExecutionFeedback,
    GateWaiver,
    ImplementationSession,
)
from services.models.existing import MovedRow
from services.models.feedback import FeedbackItem
from services.models.job import BackgroundJob, Schedule
from services.models.judgement import JudgementOp
from services.models.notification import Notification
from services.models.place import (
    PlaceComment,
    PlaceDecision,
    PlaceJudgement,
    PlacePin,
    PlaceRow,
    ReleasedBlock,
    SeenPlace,
    SessionCoverage,
)
from services.models.question import Question, QuestionUsage
from services.models.record import Attachment, AuditEvent, Setting
from services.models.session import CandleDataset, Detection, ImportReading, PatternSession, SessionRevision
from services.models.statistics import CorrectionMove, StatChange, StatDay
from services.models.token import AccessToken
from services.models.user import User
from services.models.workspace import PatternWorkspace, ReadMarker, WorkspaceMessage

__all__ = [
    "AccessToken",
    "AgentUsage",
    "Attachment",
    "AuditEvent",
    "BackgroundJob",
    "Base",
    "CandleDataset",
    "ClaudeExecution",
    "CorrectionMove",
    "Detection",
    "DetectorVersion",
    "Evaluation",
    "ExecutionAttempt",
    "ExecutionFeedback",
    "FeedbackItem",
    "GateWaiver",
    "ImplementationSession",
    "ImportReading",
    "JudgementOp",
    "MovedRow",
    "Notification",
    "PatternSession",
    "PatternWorkspace",
    "PlaceComment",
    "PlaceDecision",
    "PlaceJudgement",
    "PlacePin",
    "PlaceRow",
    "Question",
    "QuestionUsage",
    "ReadMarker",
    "ReleasedBlock",
    "Schedule",
    "SeenPlace",
    "SessionCoverage",
    "SessionRevision",
    "Setting",
    "StatChange",
    "StatDay",
    "User",
    "VersionPeriod",
    "VersionSwitch",
    "WorkspaceMessage",
    "new_id",
    "now",
]
