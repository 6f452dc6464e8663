"""Background jobs and their schedules: asked for here, run by a worker (`services.worker.jobs`), kept with their outcome."""

from services.jobs.asking import JobResult, JobRow, ask, begin, end, last_done, latest, load
from services.jobs.schedules import ScheduleRow, add, ask_due, ensure_daily_prune, list_schedules, pause, remove, resume
from services.jobs.specs import BackupSpec, ConnectionSpec, ExportSpec, PruneSpec, Spec, read_spec

__all__ = [
    "BackupSpec",
    "ConnectionSpec",
    "ExportSpec",
    "JobResult",
    "JobRow",
    "PruneSpec",
    "ScheduleRow",
    "Spec",
    "add",
    "ask",
    "ask_due",
    "begin",
    "end",
    "ensure_daily_prune",
    "last_done",
    "latest",
    "list_schedules",
    "load",
    "pause",
    "read_spec",
    "remove",
    "resume",
]
