"""A real PostgreSQL that the product brings along, for machines where no DATABASE_URL is given.

`start` makes or opens the cluster under `<data_dir>/postgres` and ends it with the process that started it; a second
`start` for the same folder attaches to the running server. Addresses look like
`postgresql+psycopg://postgres@/patterndesk?host=%2Fpath%2Fto%2Fsocket&port=5432`; without `+psycopg` they are libpq's.
"""

from __future__ import annotations

from services.database.embedded.paths import binary
from services.database.embedded.server import EmbeddedServer, running_url, start

__all__ = ["EmbeddedServer", "binary", "running_url", "start"]
