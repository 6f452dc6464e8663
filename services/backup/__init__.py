"""Backup and restore: database, stored files, pattern repository and signing key in one archive that checks itself."""

from services.backup.manifest import Manifest
from services.backup.restoring import Restored, check_archive, restore
from services.backup.writing import Made, backup, last_backup

__all__ = ["Made", "Manifest", "Restored", "backup", "check_archive", "last_backup", "restore"]
