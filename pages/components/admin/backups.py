"""The last good backup, one made now, and the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from pages.components import looks
from pages.components.admin import jobs as job_parts
from pages.components.errors import guarded
from services import backup
from services.database.engine import transaction
from services.jobs import BackupSpec
from services.lifecycle import JobKind
from services.people import Actor
from services.settings import get_settings

OLD = timedelta(days=8)


def backups(_actor: Actor) -> None:
    with guarded(stop=True), transaction() as session:
        last = backup.last_backup(session)
    if last is None:
        st.warning("There is no backup yet. Make one now, and add a schedule.", icon=":material/backup:")
    else:
        text = (
            f"The last good backup was made {looks.when(last.made_at)}: {last.rows:,} rows and "
            f"{last.stored_files:,} stored files, {looks.size(last.size)}, at {last.target}"
            f"{', encrypted' if last.encrypted else ''}."
        )
        show = st.warning if datetime.now(UTC) - last.made_at > OLD else st.success
        show(looks.plain(text), icon=":material/backup:")
    with st.container(horizontal=True, vertical_alignment="center"):
        verify = st.toggle("Verify it by a restore into a scratch place", key="backup-verify")
        st.space("stretch")
        if st.button("Make one now", type="primary", icon=":material/backup:"):
            job_parts.ask(BackupSpec(verify=verify, keep=max(get_settings().keep_backups, 1)))
    st.caption("It goes to the data folder. Keep copies elsewhere: a schedule can write to another folder or address.")
    job_parts.live(lambda: job_parts.read(JobKind.BACKUP), lambda rows: job_parts.history(rows, key="backup-history"))
