"""Short ways to write judgements, marks and places on one series, for tests of the numbers."""

from __future__ import annotations

from hypothesis import strategies as st

from services.places import Judgement, Mark, Spot

DAY = 86_400


def spot(bar: int, *, low: float | None = None, high: float | None = None, level: float | None = None) -> Spot:
    """A bar of a daily series that begins in 1970."""
    return Spot(bar, bar * DAY, low, high, level, None if level is None else 0.1)


def mark(
    bar: int, *, kind: str = "swing", direction: int = 1, low: float | None = None, high: float | None = None,
    level: float | None = None,
) -> Mark:  # fmt: skip
    return Mark(f"{kind}{direction}@{bar}", kind, direction, spot(bar, low=low, high=high, level=level))


_made = iter(range(1, 1_000_000_000))


def judgement(
    verdict: str,
    bar: int | None = None,
    *,
    to: int | None = None,
    person: str = "ann",
    session: str = "s1",
    at: float | None = None,
    name: str | None = None,
    kind: str = "swing",
    direction: int = 1,
    zone: tuple[float, float] | None = None,
    level: float | None = None,
    series: str = "series",
) -> Judgement:
    """A judgement of the mark at `bar`; a missed one (false_negative) and a move name where one belongs with `to`."""
    number = next(_made)
    low, high = zone or (None, None)
    said = None if bar is None else spot(bar, low=low, high=high, level=level)
    return Judgement(
        id=name or f"j{number:09}", at=float(number if at is None else at), person=person, session=session,
        series=series, kind=kind, direction=direction, verdict=verdict, said=said,
        expected=None if to is None else spot(to, low=low, high=high, level=level),
        detection=None if bar is None else f"{kind}{direction}@{bar}",
    )  # fmt: skip


def right(bar: int, **more: object) -> Judgement:
    return judgement("confirmed", bar, **more)  # type: ignore[arg-type]


def wrong(bar: int, **more: object) -> Judgement:
    return judgement("false_positive", bar, **more)  # type: ignore[arg-type]


def missed(bar: int, **more: object) -> Judgement:
    return judgement("false_negative", None, to=bar, **more)  # type: ignore[arg-type]


def moved(bar: int, to: int, **more: object) -> Judgement:
    return judgement("adjustment", bar, to=to, **more)  # type: ignore[arg-type]


def unsure(bar: int, **more: object) -> Judgement:
    return judgement("unsure", bar, **more)  # type: ignore[arg-type]


BARS = st.integers(0, 14)
PEOPLE = st.sampled_from(["ann", "bob", "eve"])
SESSIONS = st.sampled_from(["s1", "s2"])


@st.composite
def some_judgements(draw: st.DrawFn) -> list[Judgement]:
    """Any judgements that a person can give: one a mark and session, moves to another bar."""
    made: dict[object, Judgement] = {}
    for n in range(draw(st.integers(0, 12))):
        verdict = draw(st.sampled_from(["confirmed", "false_positive", "false_negative", "adjustment", "unsure"]))
        bar, person, session = draw(BARS), draw(PEOPLE), draw(SESSIONS)
        to = draw(BARS.filter(bar.__ne__)) if verdict in ("false_negative", "adjustment") else None
        one = judgement(
            verdict, None if verdict == "false_negative" else bar, to=to, person=person, session=session,
            at=draw(st.integers(0, 3)), name=f"n{n}", kind=draw(st.sampled_from(["swing", "bos"])),
        )  # fmt: skip
        made[one.person, one.session, one.detection or f"missed {to} {one.kind}"] = one
    return list(made.values())
