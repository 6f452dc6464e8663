"""The demo's patterns: what people wrote about each, which candles are judged, and how far its loop goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Candles to judge: `bars` of a symbol from about `first` on. The first ones are moved until they hold a block of
    what is kept for testing."""

    symbol: str
    first: int
    bars: int


@dataclass(frozen=True, slots=True)
class Story:
    """One of the demo's workspaces.

    `judged` is judged on the first version, sent, and tested again; `fresh` on the version that came of it, so nothing
    of it was ever sent. `decision` is where it ends: beta, in_review or verified. `trouble` makes the second execution
    fail once, `disputed` has a second reviewer disagree, `pictured` adds a picture, `open_end` leaves the last session
    open with half of its marks to judge.
    """

    pattern_type: str
    name: str
    category: str
    description: str
    reasoning: str
    steps: tuple[str, ...]
    judged: tuple[Part, ...]
    fresh: tuple[Part, ...] = ()
    decision: str = "beta"
    trouble: bool = False
    disputed: bool = False
    pictured: bool = False
    open_end: bool = False


STORIES = (
    Story(
        "swings",
        "Swings",
        "Market structure",
        "A swing is a bar whose high (or low) stands out over the bars around it and from which price turned.",
        "I look for the turning points that everything else is measured from; small wiggles inside a leg are noise.",
        (
            "Find a bar whose high is above the bars before it",
            "Wait until the bars after it have stayed below",
            "Ask whether it stands out by at least two average true ranges",
            "The same upside down for lows",
        ),
        (Part("AAPL", 1500, 700), Part("IBM", 1500, 700)),
        (Part("GOOG", 900, 400),),
        decision="verified",
    ),
    Story(
        "fvg",
        "Fair value gaps",
        "Imbalance",
        "Three candles of which the first and the third don't overlap; what lies between was traded in one direction.",
        "Price often comes back to such a gap. I want the large ones, those that a move really left behind.",
        (
            "Take three candles in a row",
            "The low of the third is above the high of the first",
            "The gap is nearly an average true range high",
            "Note when price comes back to its half, and when it closes it",
        ),
        (Part("AAPL", 2300, 500), Part("IBM", 2300, 500)),
        (Part("GOOG", 1500, 250),),
        disputed=True,
    ),
    Story(
        "order_blocks",
        "Order blocks",
        "Zones",
        "The last opposite candle before a move that broke structure.",
        "Large orders began there, and I expect some of them to be left when price comes back.",
        (
            "Find a close beyond the last swing",
            "Go back to where that move began",
            "Take the last candle there of the other colour",
            "The move has to go three average true ranges",
        ),
        (Part("AAPL", 900, 600), Part("IBM", 900, 600)),
        (Part("GOOG", 1000, 350),),
        decision="in_review",
    ),
    Story(
        "bos",
        "Break of structure",
        "Market structure",
        "A close beyond the last swing in the direction the market already moves.",
        "It tells me that the trend goes on, so I look for continuation entries afterwards.",
        (
            "Know the trend from the break before",
            "Take the last confirmed swing on that side, a large one",
            "The first close beyond it is the break",
            "Each level counts once",
        ),
        (Part("AAPL", 100, 900), Part("IBM", 100, 900)),
        (Part("GOOG", 100, 900), Part("IBM", 2300, 400)),
        open_end=True,
    ),
    Story(
        "equal_highs_lows",
        "Equal highs and lows",
        "Liquidity",
        "Two swings at about one price, behind which stops gather.",
        "Price likes to go there, so I mark them before it does.",
        (
            "Take two swing highs that follow each other",
            "Their prices differ by less than a third of an average true range",
            "Nothing between them is higher",
            "Note when price later trades above them",
        ),
        (Part("AAPL", 100, 900), Part("IBM", 1500, 900)),
        (Part("GOOG", 300, 700),),
        trouble=True,
        pictured=True,
    ),
    Story(
        "choch",
        "Change of character",
        "Market structure",
        "A close beyond the level that the trend has to hold.",
        "It is the first sign that a trend has ended; I stop looking for continuation and wait.",
        (
            "Know the trend from the break before",
            "Take the low that the last leg up began at",
            "The first close below it is the change",
            "The same upside down",
        ),
        (Part("AAPL", 300, 2600), Part("IBM", 300, 2600)),
        (Part("GOOG", 200, 1900),),
    ),
    Story(
        "liquidity_sweeps",
        "Liquidity sweeps",
        "Liquidity",
        "Price takes out a swing, comes back, and runs the other way.",
        "Only those that really ran count for me. I know which they are when they have run.",
        (
            "Take a swing that price has not traded beyond yet",
            "Price trades beyond it and closes back",
            "Within a week it has run two average true ranges the other way",
        ),
        (Part("AAPL", 300, 700), Part("IBM", 300, 700)),
    ),
)
