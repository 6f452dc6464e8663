"""A seeded dozen of the kills that `make soak` does a hundred of."""

from __future__ import annotations

import pytest

from tests.agents.claude.conftest import confined  # noqa: F401  # a fixture
from tests.worker.conftest import Builder, Stage
from tests.worker.soak import printed, soak, table


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_a_dozen_kills(builder: Builder, judged: Stage, confined: None) -> None:  # noqa: F811
    rows = soak(builder, judged, kills=12, seed=20)
    print(printed(table(rows)))
    assert [r.wrong for r in rows if r.wrong] == []
    assert sum(r.kills for r in rows) >= 12
