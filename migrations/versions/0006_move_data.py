"""The data moves in: a workspace for each pattern, its sessions and feedback linked, datasets from the candles that
sessions carry, verdicts from types, messages with the old times, counters.

What an old row held that no longer may be (an unknown status or role, a negative index) is changed, and noted as an
audit event 'migrated' with its value before; the way down puts it back. What survives the way down stands in
migrations/README.md.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

import sqlalchemy as sa
from alembic import op

from migrations import moving
from services.candles import store
from services.errors import InvalidInput, NotFound, Unavailable
from services.existing.candles import old_form, read_old_candles
from services.settings import get_settings

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAMES = {"bos": "BOS", "choch": "CHoCH", "fvg": "FVG"}
CATEGORIES = {"order_blocks": "order_blocks"}
DEFAULT_CATEGORY = "price_action"


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(moving.NEW_ID)
    _name_patterns(connection)
    for statement in moving.UP_BEFORE_DATASETS:
        connection.exec_driver_sql(statement)
    _make_datasets(connection)
    for statement in moving.UP_AFTER_DATASETS:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    _put_candles_back(connection)
    for statement in moving.DOWN:
        connection.exec_driver_sql(statement)


def slug(pattern: str) -> str:
    """A pattern's old type in the form that a workspace's may have."""
    plain = unicodedata.normalize("NFKD", pattern).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    mark = hashlib.sha256(pattern.strip().encode()).hexdigest()[:8]
    if not found:
        return f"pattern_{mark}" if pattern.strip() else "unnamed"
    if not found[0].isalpha() or len(found) == 1:
        found = f"pattern_{found}"
    return found if len(found) <= 63 else f"{found[:54]}_{mark}"


def name_of(pattern: str, key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    title = pattern.strip() if key.startswith("pattern_") else key
    return title.replace("_", " ").title()


def _name_patterns(connection: sa.Connection) -> None:
    connection.exec_driver_sql(moving.OLD_PATTERNS)
    for pattern in connection.scalars(sa.text("SELECT DISTINCT pattern_type FROM pattern_sessions")).all():
        key = slug(pattern)
        connection.execute(
            sa.text("INSERT INTO old_patterns VALUES (:old, :key, :name, :category)"),
            {
                "old": pattern,
                "key": key,
                "name": name_of(pattern, key),
                "category": CATEGORIES.get(key, DEFAULT_CATEGORY),
            },
        )


def _make_datasets(connection: sa.Connection) -> None:
    """One session at a time, because their candles need not fit into memory together."""
    root = get_settings().storage_root
    ids = connection.scalars(sa.text(moving.WITH_CANDLES)).all()
    for session_id in ids:
        row = connection.execute(sa.text(moving.ONE_SESSION), {"id": session_id}).one()
        try:
            candles = read_old_candles(row.candle_data)
        except InvalidInput as error:
            note = {"id": session_id, "after": json.dumps({"reason": error.sentence})}
            connection.execute(sa.text(moving.NOTE_UNREADABLE), note)
            continue
        dataset = {
            "id": session_id,
            "name": f"{row.symbol} {row.timeframe}",
            "rows": len(candles.frame),
            "start_at": candles.frame["time"].iloc[0].to_pydatetime(),
            "end_at": candles.frame["time"].iloc[-1].to_pydatetime(),
            "source_format": candles.source_format,
            "source_sha256": candles.source_sha256,
            "content_sha256": candles.content_sha256,
            "storage_path": store.save_parquet(root, candles),
            "price_adjustment": candles.price_adjustment,
            "quality": json.dumps(candles.quality.as_json()),
        }
        connection.execute(sa.text(moving.NEW_DATASET), dataset)
        connection.execute(sa.text(moving.LINK_DATASET), dataset)


def _put_candles_back(connection: sa.Connection) -> None:
    """Sessions that came after workspaces get the candles of their dataset in the old form, where they can be read."""
    root = get_settings().storage_root
    for dataset_id, path in connection.execute(sa.text(moving.DATASETS_TO_PUT_BACK)).all():
        try:
            candles = old_form(store.load_array(root, path))
        except (NotFound, Unavailable, InvalidInput):
            continue
        connection.execute(sa.text(moving.PUT_BACK), {"dataset_id": dataset_id, "candles": json.dumps(candles)})
