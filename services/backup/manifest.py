"""What an archive holds, written as its last member: sizes, checksums, and what the database counted."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from services.errors import InvalidInput

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DUMP: Final = "database.dump"
BUNDLE: Final = "patterns.bundle"
SECRET: Final = "secret.key"  # noqa: S105  # the name of a member
STORED: Final = "storage/"
# The only names an archive may hold, so that none leads out of the folder it is read into.
MEMBER: Final = re.compile(
    r"manifest\.json|database\.dump|patterns\.bundle|secret\.key"
    r"|storage/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}(?:\.[a-z0-9]{1,16}){0,2}"
)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Member(_Strict):
    """A file of the archive: bytes, and SHA-256 as hex."""

    size: int
    sha256: str


class TableSum(_Strict):
    """A table as the snapshot saw it: rows, and a sum over the hash of each row's text, which no order changes."""

    rows: int
    checksum: str


class Manifest(_Strict):
    """The archive's own account. `refs` and `origin` are the pattern repository's; `current` the deployed commits."""

    format: int
    made_at: datetime
    app_version: str
    revision: str
    postgres_major: int
    members: dict[str, Member]
    tables: dict[str, TableSum]
    refs: dict[str, str]
    origin: str | None
    current: dict[str, str]

    @property
    def stored_files(self) -> int:
        return sum(name.startswith(STORED) for name in self.members)


def read_manifest(text: bytes) -> Manifest:
    """Raises InvalidInput when the text is no manifest, or one of a later release."""
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise InvalidInput(f"The backup's manifest is damaged at {where}.") from error
    if manifest.format != FORMAT:
        raise InvalidInput(
            f"The backup has format {manifest.format}; this release reads format {FORMAT}. Update the app."
        )
    return manifest
