"""A seeded dozen of the kills that `make soak` does a hundred of."""

from __future__ import annotations

import pytest

from tests.support.soak import printed, soak, table
from tests.support.stages import Builder, PreparedStage


@pytest.mark.fault
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_dozen_kills(builder: Builder, judged: PreparedStage, confined: None) -> None:
    rows = soak(builder, judged, kills=12, seed=20)
    print(printed(table(rows)))
    assert [r.wrong for r in rows if r.wrong] == []
    assert sum(r.kills for r in rows) >= 12
