"""What a job is to do, by its kind; kept as JSON in its row. Addresses may hold passwords, so they are shown redacted."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fsspec.core import url_to_fs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.agents.registry import AGENTS
from services.deploys.registry import TARGETS
from services.errors import InvalidInput
from services.exports.files import Format
from services.exports.reports import find_report
from services.lifecycle import JobKind
from services.notifications import addresses
from services.texts import storable

FIXED_CONNECTIONS: Final = ("database", "storage", "repository")
_SCHEMES: Final = ("file", "s3", "gs", "gcs", "az", "abfs", "abfss", "memory", "ftp", "sftp", "ssh", "smb", "webdav")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PruneSpec(_Strict):
    kind: Literal[JobKind.PRUNE] = JobKind.PRUNE

    def title(self) -> str:
        return "Tidy up"


class BackupSpec(_Strict):
    """`target` is a folder or an fsspec address that ends in a slash; None is the data folder's own `backups/`."""

    kind: Literal[JobKind.BACKUP] = JobKind.BACKUP
    target: str | None = None
    keep: Annotated[int, Field(ge=1, le=1000)] = 14
    verify: bool = False

    def title(self) -> str:
        return f"Backup to {shown(self.target) if self.target else 'the data folder'}"


class ExportSpec(_Strict):
    """`target` is a folder or fsspec address (ends in a slash), a notification address, or None: `exports/`."""

    kind: Literal[JobKind.EXPORT] = JobKind.EXPORT
    report: str
    format: Format = Format.CSV
    filters: dict[str, str] = Field(default_factory=dict)
    target: str | None = None
    keep: Annotated[int | None, Field(ge=1, le=10_000)] = None

    def title(self) -> str:
        where = shown(self.target) if self.target else "the data folder"
        return f"{find_report(self.report).title} to {where}"


class ConnectionSpec(_Strict):
    """`name`: database, storage, repository, `agent:<name>` or `target:<name>`."""

    kind: Literal[JobKind.CONNECTION_TEST] = JobKind.CONNECTION_TEST
    name: str

    def title(self) -> str:
        return f"Test of {connections()[self.name]}"


Spec = PruneSpec | BackupSpec | ExportSpec | ConnectionSpec
_SPECS: Final[dict[str, type[PruneSpec] | type[BackupSpec] | type[ExportSpec] | type[ConnectionSpec]]] = {
    JobKind.PRUNE: PruneSpec,
    JobKind.BACKUP: BackupSpec,
    JobKind.EXPORT: ExportSpec,
    JobKind.CONNECTION_TEST: ConnectionSpec,
}


def connections() -> dict[str, str]:
    """What can be tested, by name, with its title."""
    return (
        {"database": "the database", "storage": "the storage", "repository": "the pattern repository"}
        | {f"agent:{name}": kind.title for name, kind in AGENTS.items()}
        | {f"target:{name}": target.title for name, target in TARGETS.items()}
    )


def read_spec(value: dict[str, Any]) -> Spec:
    """The specification out of its row. Raises InvalidInput for what none is."""
    form = _SPECS.get(str(value.get("kind")))
    if form is None:
        raise InvalidInput("There is no such kind of job.")
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"The job can't be used at {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def as_json(spec: Spec) -> dict[str, Any]:
    """The specification for its row."""
    return spec.model_dump(mode="json")


def check(spec: Spec) -> None:
    """Raises InvalidInput for what could never work: an unknown report or filter, an address that can't be used."""
    match spec:
        case ExportSpec():
            report = find_report(spec.report)
            unknown = sorted(set(spec.filters) - set(report.filters))
            if unknown:
                raise InvalidInput(f"The report '{report.title}' has no filter '{unknown[0][:60]}'.")
            if report.needs and report.needs not in spec.filters:
                raise InvalidInput(f"The report '{report.title}' needs to know which {report.needs}.")
            if spec.format == Format.HTML and spec.report != "overview":
                raise InvalidInput("Only the report of a period (overview) can be written as a page.")
            if spec.target is not None and not is_notification(spec.target):
                _check_folder(spec.target)
        case BackupSpec() if spec.target is not None:
            _check_folder(spec.target)
        case ConnectionSpec() if spec.name not in connections():
            raise InvalidInput(f"There is no connection '{spec.name[:60]}'; there are {', '.join(connections())}.")
        case _:
            pass


def is_notification(target: str) -> bool:
    """Whether a target is an address that apprise sends to, rather than a folder. Raises InvalidInput for rubbish."""
    scheme, separator, _ = target.partition("://")
    if not separator or scheme.lower() in _SCHEMES:
        return False
    addresses.checked([target])
    return True


def _check_folder(target: str) -> None:
    if not target.endswith("/"):
        raise InvalidInput("A folder or address to write to ends in a slash.")
    if target != storable(target) or len(target) > addresses.LONGEST:
        raise InvalidInput("The address to write to can't be used.")
    try:
        url_to_fs(target)
    except Exception as error:  # each backend has its own exceptions
        raise InvalidInput(f"The address {shown(target)} can't be used: {type(error).__name__}.") from error


def shown(target: str) -> str:
    """An address without what may be a secret in it."""
    scheme, separator, rest = target.partition("://")
    if not separator:
        return target
    if scheme.lower() in _SCHEMES:
        return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
    return addresses.redacted(target)
