"""The schema that the design documents ask for, written down by hand from them and not from the models.

A column reads `name type`, then `?` when it may be NULL, then `= default`. Types are PostgreSQL's own short names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SEED_COLUMNS: Final[dict[str, str]] = {
    "pattern_workspaces": """
        id uuid
        pattern_type text
        name text
        category text
        status text = soon
        version text = 0.0.0
        created_at timestamptz = now()
        updated_at timestamptz = now()
        implemented_at timestamptz ?
        approved_at timestamptz ?
        verified_at timestamptz ?
        description text ?
        user_reasoning text ?
        identification_steps jsonb ?
        attachments text[] = {}
        session_count int4 = 0
        feedback_count int4 = 0
        success_rate float8 ?
        last_tested_at timestamptz ?
        created_by_id uuid
        approved_by_id uuid ?
        verified_by_id uuid ?
    """,
    "workspace_messages": """
        id uuid
        workspace_id uuid
        type text
        created_at timestamptz = now()
        author_id uuid ?
        author_type text = user
        title text ?
        content text ?
        data jsonb ?
        attachments text[] = {}
        session_id uuid ?
        feedback_id uuid ?
        execution_id uuid ?
        status text ?
        progress int4 ?
    """,
    "claude_executions": """
        id uuid
        workspace_id uuid
        triggered_by uuid
        triggered_at timestamptz = now()
        status text = pending
        phase text ?
        progress int4 = 0
        feedback_ids text[] = {}
        prompt_file text ?
        completed_at timestamptz ?
        files_changed text[] = {}
        commit_hash text ?
        commit_message text ?
        deploy_started_at timestamptz ?
        deploy_completed_at timestamptz ?
        deploy_url text ?
        deploy_status text ?
        deploy_logs text ?
        retry_count int4 = 0
        max_retries int4 = 10
        retry_reason text ?
        parent_execution_id uuid ?
        phases jsonb ?
        checkpoints jsonb ?
        error text ?
        errored_at timestamptz ?
    """,
    "pattern_sessions": "workspace_id uuid",
    "feedback_items": """
        workspace_id uuid
        sent_to_claude_at timestamptz ?
        execution_id uuid ?
    """,
}

OUR_COLUMNS: Final[dict[str, str]] = {
    "users": """
        id uuid
        email text
        name text
        image text ?
        role text = viewer
        is_active bool = true
        created_at timestamptz = now()
        last_seen_at timestamptz ?
    """,
    "candle_datasets": """
        id uuid
        name text
        symbol text
        timeframe text
        rows int4
        start_at timestamptz
        end_at timestamptz
        source_format text
        source_sha256 text
        content_sha256 text
        storage_path text
        price_adjustment text = unknown
        quality jsonb = {}
        licence_note text ?
        uploaded_by_id uuid ?
        created_at timestamptz = now()
    """,
    "detector_versions": """
        id uuid
        workspace_id uuid
        version text
        parent_id uuid ?
        commit_hash text
        module_path text
        code_sha256 text
        params jsonb = {}
        param_schema jsonb = []
        origin text
        execution_id uuid ?
        contract_report jsonb ?
        status text = candidate
        created_at timestamptz = now()
        deployed_at timestamptz ?
        retired_at timestamptz ?
    """,
    "pattern_sessions": """
        id uuid
        name text
        description text ?
        dataset_id uuid ?
        start_index int4 = 0
        end_index int4 = 0
        context_bars int4 = 0
        detector_version_id uuid ?
        params jsonb ?
        coverage text = partial
        split text = tune
        status text = active
        created_by_id uuid
        run_ms int4 ?
        detector_error text ?
        detection_count int4 = 0
        tp int4 = 0
        fp int4 = 0
        fn int4 = 0
        unsure_count int4 = 0
        success_rate float8 ?
        precision float8 ?
        recall float8 ?
        ci_low float8 ?
        ci_high float8 ?
        created_at timestamptz = now()
        updated_at timestamptz = now()
        completed_at timestamptz ?
        symbol text
        timeframe text
        start_time timestamptz ?
        end_time timestamptz ?
        pattern_type text ?
        pattern_version text ?
        pattern_settings jsonb ?
        candle_data jsonb ?
    """,
    "detections": """
        id uuid
        session_id uuid
        detector_version_id uuid
        key text
        kind text
        direction int4
        anchor_index int4
        anchor_time timestamptz
        start_index int4
        end_index int4
        price float8 ?
        price_low float8 ?
        price_high float8 ?
        confirmed_index int4
        confirmed_at timestamptz
        confidence float8 ?
        refs jsonb = []
        meta jsonb = {}
    """,
    "feedback_items": """
        id uuid
        session_id uuid ?
        detection_id uuid ?
        author_id uuid
        verdict text
        original jsonb ?
        candle_index int4 ?
        candle_time timestamptz ?
        price float8 ?
        expected_kind text ?
        expected_direction int4 ?
        expected_index int4 ?
        expected_time timestamptz ?
        expected_price float8 ?
        expected_low float8 ?
        expected_high float8 ?
        tolerance_bars int4 ?
        dataset_id uuid ?
        window_start int4 ?
        window_end int4 ?
        reason text ?
        attachments text[] = {}
        severity text ?
        state text = open
        resolved_version_id uuid ?
        created_at timestamptz = now()
        updated_at timestamptz = now()
        type text ?
        metadata jsonb ?
    """,
    "evaluations": """
        id uuid
        workspace_id uuid
        detector_version_id uuid
        baseline_version_id uuid ?
        kind text
        label_set_sha256 text
        matcher jsonb = {}
        tp int4 = 0
        fp int4 = 0
        fn int4 = 0
        unjudged int4 = 0
        success_rate float8 ?
        precision float8 ?
        recall float8 ?
        f1 float8 ?
        ci_low float8 ?
        ci_high float8 ?
        fixed_ids text[] = {}
        broken_ids text[] = {}
        p_value float8 ?
        case_results jsonb = []
        runtime_ms int4 ?
        created_at timestamptz = now()
    """,
    "claude_executions": """
        number int4
        agent text = tuner
        epoch int4 = 1
        canceled_at timestamptz ?
        canceled_by_id uuid ?
        heartbeat_at timestamptz ?
        cost_usd numeric = 0
        input_tokens int8 = 0
        output_tokens int8 = 0
        deploy_target text = local
        deployment_id text ?
        deploy_state_raw text ?
    """,
    "execution_attempts": """
        id uuid
        execution_id uuid
        number int4
        started_at timestamptz = now()
        ended_at timestamptz ?
        outcome text ?
        reason text ?
        log_key text ?
        cost_usd numeric = 0
        input_tokens int8 = 0
        output_tokens int8 = 0
        commit_hash text ?
        deployment_id text ?
    """,
    "execution_feedback": """
        execution_id uuid
        feedback_id uuid
    """,
    "workspace_messages": """
        seq int4
        dedupe_key text ?
        edited_at timestamptz ?
        deleted_at timestamptz ?
    """,
    "pattern_workspaces": """
        archived_at timestamptz ?
        rules text ?
        approved_evidence jsonb ?
        holdout_share float8 = 0.2
        notification_urls text[] = {}
    """,
    "implementation_sessions": """
        id uuid
        session_id uuid
        feedback_ids text[] = {}
        title text
        description text ?
        type text ?
        phase text ?
        status text = pending
        progress int4 = 0
        phases jsonb ?
        checkpoints jsonb ?
        files_changed text[] = {}
        commit_hash text ?
        deployment_url text ?
        retry_count int4 = 0
        max_retries int4 = 10
        created_by_id uuid
        started_at timestamptz ?
        completed_at timestamptz ?
        created_at timestamptz = now()
        updated_at timestamptz = now()
    """,
    "attachments": "id uuid",
    "audit_events": "id uuid",
    "settings": "value jsonb",
    "read_markers": "user_id uuid",
    "gate_waivers": "reason text",
}

# The seed's indexes by their leading columns; the timeline's has the id behind them.
INDEXES: Final = (
    ("pattern_workspaces", ("pattern_type",)),
    ("pattern_workspaces", ("status",)),
    ("pattern_workspaces", ("created_by_id",)),
    ("workspace_messages", ("workspace_id", "created_at", "id")),
    ("workspace_messages", ("type",)),
    ("workspace_messages", ("session_id",)),
    ("claude_executions", ("workspace_id", "triggered_at")),
    ("claude_executions", ("status",)),
    ("claude_executions", ("phase",)),
)

UNIQUE: Final = (
    ("pattern_workspaces", ("pattern_type",)),
    ("workspace_messages", ("workspace_id", "seq")),
    ("claude_executions", ("workspace_id", "number")),
    ("candle_datasets", ("content_sha256",)),
    ("attachments", ("content_sha256",)),
    ("detections", ("session_id", "key")),
    ("execution_attempts", ("execution_id", "number")),
)

# Unique where a condition holds: what may be there once at a time.
PARTIAL_UNIQUE: Final = (
    ("claude_executions", ("workspace_id",), ("pending", "running", "retry")),
    ("detector_versions", ("workspace_id",), ("deployed",)),
    ("feedback_items", ("author_id", "detection_id"), ("withdrawn",)),
    ("workspace_messages", ("dedupe_key",), ()),
)

# column, referred table, what happens when the referred row goes (a: refused, c: goes too, n: set to NULL)
FOREIGN_KEYS: Final = (
    ("pattern_workspaces.created_by_id", "users", "a"),
    ("pattern_workspaces.approved_by_id", "users", "a"),
    ("pattern_workspaces.verified_by_id", "users", "a"),
    ("workspace_messages.workspace_id", "pattern_workspaces", "c"),
    ("workspace_messages.author_id", "users", "a"),
    ("workspace_messages.session_id", "pattern_sessions", "a"),
    ("workspace_messages.feedback_id", "feedback_items", "a"),
    ("workspace_messages.execution_id", "claude_executions", "a"),
    ("claude_executions.workspace_id", "pattern_workspaces", "c"),
    ("claude_executions.triggered_by", "users", "a"),
    ("claude_executions.parent_execution_id", "claude_executions", "a"),
    ("claude_executions.canceled_by_id", "users", "a"),
    ("pattern_sessions.workspace_id", "pattern_workspaces", "c"),
    ("pattern_sessions.created_by_id", "users", "a"),
    ("pattern_sessions.dataset_id", "candle_datasets", "a"),
    ("pattern_sessions.detector_version_id", "detector_versions", "a"),
    ("feedback_items.workspace_id", "pattern_workspaces", "c"),
    ("feedback_items.session_id", "pattern_sessions", "c"),
    ("feedback_items.execution_id", "claude_executions", "a"),
    ("feedback_items.author_id", "users", "a"),
    ("feedback_items.detection_id", "detections", "c"),
    ("feedback_items.dataset_id", "candle_datasets", "a"),
    ("feedback_items.resolved_version_id", "detector_versions", "a"),
    ("execution_feedback.execution_id", "claude_executions", "c"),
    ("execution_feedback.feedback_id", "feedback_items", "c"),
    ("execution_attempts.execution_id", "claude_executions", "c"),
    ("detections.session_id", "pattern_sessions", "c"),
    ("detections.detector_version_id", "detector_versions", "a"),
    ("detector_versions.workspace_id", "pattern_workspaces", "c"),
    ("detector_versions.parent_id", "detector_versions", "a"),
    ("detector_versions.execution_id", "claude_executions", "a"),
    ("evaluations.workspace_id", "pattern_workspaces", "c"),
    ("evaluations.detector_version_id", "detector_versions", "c"),
    ("evaluations.baseline_version_id", "detector_versions", "a"),
    ("candle_datasets.uploaded_by_id", "users", "a"),
    ("implementation_sessions.session_id", "pattern_sessions", "c"),
)

SEED_MESSAGE_TYPES: Final = (
    "pattern_created",
    "pattern_description_submitted",
    "session_created",
    "session_completed",
    "feedback_added",
    "feedback_batch_sent",
    "claude_started",
    "claude_phase_update",
    "claude_checkpoint",
    "claude_completed",
    "claude_failed",
    "deploy_started",
    "deploy_building",
    "deploy_success",
    "deploy_failed",
    "deploy_retry",
    "user_approved",
    "admin_verified",
    "version_updated",
    "status_changed",
)
OUR_MESSAGE_TYPES: Final = (
    "comment",
    "review_returned",
    "approval_voided",
    "gate_waived",
    "version_rolled_back",
    "mark_disputed",
    "session_reopened",
    "claude_answer",
)

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "pattern_workspaces.status": ("soon", "implementing", "beta", "in_review", "verified"),
    "workspace_messages.type": SEED_MESSAGE_TYPES + OUR_MESSAGE_TYPES,
    "workspace_messages.author_type": ("user", "system", "claude"),
    "workspace_messages.status": ("pending", "in_progress", "completed", "failed"),
    "claude_executions.status": ("pending", "running", "completed", "failed", "retry"),
    "claude_executions.phase": ("planning", "implementing", "testing", "refining", "deploying"),
    "claude_executions.deploy_status": ("queued", "building", "ready", "error", "canceled"),
    "users.role": ("viewer", "member", "admin"),
    "pattern_sessions.status": (
        "running",
        "active",
        "completed",
        "archived",
        "failed",
        "submitted_for_review",
        "implemented",
    ),
    "pattern_sessions.coverage": ("partial", "exhaustive"),
    "pattern_sessions.split": ("tune", "holdout"),
    "feedback_items.verdict": (
        "confirmed",
        "false_positive",
        "false_negative",
        "adjustment",
        "unsure",
        "comment",
    ),
    "feedback_items.state": ("open", "sent", "addressed", "verified", "disputed", "withdrawn"),
    "detector_versions.status": ("candidate", "deployed", "retired", "rejected"),
    "detector_versions.origin": ("agent", "tuner", "manual", "starter"),
    "evaluations.kind": ("first_look", "replay", "tuning", "contract"),
    "candle_datasets.price_adjustment": ("raw", "split", "total", "unknown"),
    "attachments.kind": ("image", "video", "file"),
}
# Columns with 0-100.
PROGRESS: Final = ("workspace_messages.progress", "claude_executions.progress")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as asked for; `default` is None when there is none."""

    table: str
    name: str
    type: str
    nullable: bool
    default: str | None


def columns() -> list[Column]:
    """Every column of the lists above."""
    found = []
    for table, listed in (*SEED_COLUMNS.items(), *OUR_COLUMNS.items()):
        for line in listed.strip().splitlines():
            left, _, default = line.partition("=")
            name, kind, *rest = left.split()
            found.append(Column(table, name, kind, rest == ["?"], default.strip() or None))
    return found
