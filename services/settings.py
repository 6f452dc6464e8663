"""Settings from the environment, read once. Names without prefix are the ones that outside tools rely on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What can be set from outside. Paths are absolute once read; secrets never print."""

    model_config = SettingsConfigDict(extra="ignore")

    port: int = Field(8501, ge=1, le=65535, validation_alias="PORT")
    host: str = Field("127.0.0.1", validation_alias="HOST")
    data_dir: Path = Field(Path("var"), validation_alias="DATA_DIR")
    database_url: str | None = Field(None, validation_alias="DATABASE_URL")
    # None: an empty database is migrated by whoever meets it first, another one by `up` or `migrate`
    auto_migrate: bool | None = Field(None, validation_alias="AUTO_MIGRATE")
    storage_url: str | None = Field(None, validation_alias="STORAGE_URL")  # fsspec; default is <data_dir>/storage
    pattern_repository: str | None = Field(None, validation_alias="PATTERN_REPOSITORY")  # path or URL
    public_url: str | None = Field(None, pattern=r"^(https?://[^/?#\s]+/?)?$", validation_alias="PUBLIC_URL")
    allowed_hosts: str = Field("", validation_alias="ALLOWED_HOSTS")  # comma separated, beside loopback names

    oidc_client_id: str | None = Field(None, validation_alias="OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr | None = Field(None, validation_alias="OIDC_CLIENT_SECRET")
    oidc_server_metadata_url: str | None = Field(None, validation_alias="OIDC_SERVER_METADATA_URL")
    oidc_redirect_uri: str | None = Field(None, validation_alias="OIDC_REDIRECT_URI")
    oidc_groups_claim: str = Field("groups", min_length=1, validation_alias="OIDC_GROUPS_CLAIM")
    oidc_group_roles: str = Field("", validation_alias="OIDC_GROUP_ROLES")  # "traders=member, desk-admins=admin"
    admin_emails: str = Field("", validation_alias="ADMIN_EMAILS")  # comma separated; admins from their sign-in on

    vercel_token: SecretStr | None = Field(None, validation_alias="VERCEL_TOKEN")
    vercel_project: str | None = Field(None, validation_alias="VERCEL_PROJECT")  # id or name
    vercel_team_id: str | None = Field(None, validation_alias="VERCEL_TEAM_ID")
    vercel_git_type: Literal["github", "github-limited", "gitlab", "bitbucket"] = Field(
        "github", validation_alias="VERCEL_GIT_TYPE"
    )
    vercel_git_repo_id: str | None = Field(None, validation_alias="VERCEL_GIT_REPO_ID")  # else the next two
    vercel_git_org: str | None = Field(None, validation_alias="VERCEL_GIT_ORG")
    vercel_git_repo: str | None = Field(None, validation_alias="VERCEL_GIT_REPO")
    vercel_api: str = Field("https://api.vercel.com", validation_alias="VERCEL_API")
    market_urls: str = Field("", validation_alias="MARKET_URLS")

    anthropic_api_key: SecretStr | None = Field(None, validation_alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = Field(None, validation_alias="ANTHROPIC_BASE_URL")  # a gateway's, or a test's
    claude_model: str = Field("claude-sonnet-5-5", min_length=1, validation_alias="CLAUDE_MODEL")  # pinned, no alias
    claude_max_turns: int = Field(60, ge=1, le=1000, validation_alias="CLAUDE_MAX_TURNS")  # of one phase
    claude_budget_usd: float = Field(5.0, gt=0, validation_alias="CLAUDE_BUDGET_USD")  # of one execution
    claude_answer_usd: float = Field(0.5, gt=0, validation_alias="CLAUDE_ANSWER_USD")  # of one answer on a timeline
    claude_max_retries: int = Field(3, ge=0, le=20, validation_alias="CLAUDE_MAX_RETRIES")  # of one API call
    claude_idle_s: float = Field(300.0, gt=0, validation_alias="CLAUDE_IDLE_S")  # of silence, then it is stopped
    claude_deadline_s: float = Field(3600.0, gt=0, validation_alias="CLAUDE_DEADLINE_S")  # of one phase
    claude_proxy: str | None = Field(None, validation_alias="CLAUDE_PROXY")  # the agent's way out, if it needs one

    tuner_points: int = Field(300, ge=10, le=1000, validation_alias="TUNER_POINTS")  # of a parameter search
    worker_concurrency: int = Field(2, ge=1, le=64, validation_alias="WORKER_CONCURRENCY")
    min_judged_marks: int = Field(30, ge=1, validation_alias="MIN_JUDGED_MARKS")  # evidence for an approval
    min_unseen_marks: int = Field(10, ge=0, validation_alias="MIN_UNSEEN_MARKS")  # of them, that no prompt has had
    approver_may_verify: bool = Field(False, validation_alias="APPROVER_MAY_VERIFY")  # a team of one
    gate_profile: Literal["full", "small"] = Field("full", validation_alias="GATE_PROFILE")  # small: for tests alone
    allow_reduced_isolation: bool = Field(False, validation_alias="ALLOW_REDUCED_ISOLATION")  # for code not ours
    spend_cap_usd: float | None = Field(None, gt=0, validation_alias="SPEND_CAP_USD")  # of agents, a day and workspace

    # How long what grows is kept, in days; 0 keeps it for ever. `patterndesk prune` and the daily schedule follow them.
    keep_log_days: int = Field(30, ge=0, validation_alias="KEEP_LOG_DAYS")  # older files of the app's own logs
    keep_run_log_days: int = Field(365, ge=0, validation_alias="KEEP_RUN_LOG_DAYS")  # of ended executions
    keep_worktree_days: int = Field(2, ge=0, validation_alias="KEEP_WORKTREE_DAYS")  # left by runs that were cut off
    keep_ref_days: int = Field(90, ge=0, validation_alias="KEEP_REF_DAYS")  # commits of ended executions
    keep_release_days: int = Field(30, ge=0, validation_alias="KEEP_RELEASE_DAYS")  # since their last use
    keep_deploy_days: int = Field(90, ge=0, validation_alias="KEEP_DEPLOY_DAYS")  # records of local deploys
    keep_prompt_days: int = Field(365, ge=0, validation_alias="KEEP_PROMPT_DAYS")  # of ended executions
    keep_conversation_days: int = Field(30, ge=0, validation_alias="KEEP_CONVERSATION_DAYS")  # of runs that wait
    keep_withdrawn_days: int = Field(30, ge=0, validation_alias="KEEP_WITHDRAWN_DAYS")  # attachments nobody shows
    keep_export_days: int = Field(30, ge=0, validation_alias="KEEP_EXPORT_DAYS")  # files of scheduled exports
    keep_job_days: int = Field(90, ge=0, validation_alias="KEEP_JOB_DAYS")  # history of jobs, records of the engine
    keep_backups: int = Field(14, ge=0, validation_alias="KEEP_BACKUPS")  # the newest in the data folder, by number
    disk_low_mb: int = Field(2048, ge=0, validation_alias="DISK_LOW_MB")  # free; below it people are warned
    disk_full_mb: int = Field(512, ge=0, validation_alias="DISK_FULL_MB")  # free; below it runs wait

    limits: str = Field("", validation_alias="LIMITS")  # "launch=10/hour, export=600/minute"; services.limiting.RULES
    demo: bool = Field(True, validation_alias="DEMO")  # build the demo on the first start

    def model_post_init(self, _context: object) -> None:
        self.data_dir = self.data_dir.expanduser().absolute()

    @property
    def oidc_configured(self) -> bool:
        return bool(self.oidc_client_id and self.oidc_client_secret and self.oidc_server_metadata_url)

    @property
    def address(self) -> str:
        """Where people open the app, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def storage_root(self) -> str:
        return self.storage_url or str(self.data_dir / "storage")

    @property
    def repository_path(self) -> str:
        return self.pattern_repository or str(self.data_dir / "patterns")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings. Tests that change the environment call `get_settings.cache_clear()`."""
    return Settings()
