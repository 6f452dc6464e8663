"""Implementations from before workspaces: shown as they were, for everybody, and changed by nobody."""

from __future__ import annotations

from services.database.engine import transaction
from services.models import ImplementationSession, new_id
from tests.support.product import World, open_page, words


def test_what_the_first_app_kept_is_read(world: World) -> None:
    assert "Nothing from before workspaces" in words(open_page("earlier.py", world.viewer))
    session_id = world.run()
    with transaction() as session:
        session.add(
            ImplementationSession(
                id=new_id(),
                session_id=session_id,
                feedback_ids=["a", "b"],
                title="=HYPERLINK(1)",
                status="completed",
                phase="deploying",
                progress=100,
                files_changed=["detectors/swings.py"],
                commit_hash="abcdef0123",
                retry_count=2,
                created_by_id=world.member.id,
            )
        )
    at = open_page("earlier.py", world.viewer)
    assert not at.exception
    [row] = at.dataframe[0].value.to_dict("records")
    assert (row["Workspace"], row["Status"], row["Corrections"], row["Commit"]) == (
        "Swings",
        "Completed",
        2,
        "abcdef01",
    )
    assert [button.label for button in at.button] == []
