"""Moving the data of the system that this one follows: its PostgreSQL database, read as it stands and never changed."""

from services.existing.moving import Report, TableReport, import_existing
from services.existing.source import is_existing_system

__all__ = ["Report", "TableReport", "import_existing", "is_existing_system"]
