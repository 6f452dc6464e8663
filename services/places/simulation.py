"""How often the interval of `rates` holds the truth, by simulation: judged places in blocks, moves, spread. Seeded.

`python -m services.places.simulation [trials]` prints the whole table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from services.places.counting import Counts
from services.places.rates import Unit, rate_of

RATES = (0.6, 0.8, 0.9)
MOVES = (0.0, 0.2, 0.4)
SPREADS = (0.0, 0.075, 0.15)
BLOCKS = (4, 8, 12, 20)
PER_BLOCK = 8  # places, on average


@dataclass(frozen=True, slots=True)
class World:
    """How judged places come about: a block's own rate varies by `spread` (standard deviation) around `rate`; a share
    `moves` of the errors are moves, which are wrong at both ends."""

    rate: float
    moves: float
    spread: float
    blocks: int
    per_block: int = PER_BLOCK


@dataclass(frozen=True, slots=True)
class Seen:
    """Shares of trials, and widths: of our interval, and of the one that knows the estimate's true variance."""

    covered: float
    width: float
    known_width: float

    @property
    def wider(self) -> float:
        return self.width / self.known_width


def simulate(world: World, *, trials: int, seed: int) -> Seen:
    """Draws `trials` sets of judged places and looks whether the interval holds the true success rate."""
    rng = np.random.default_rng(seed)
    truth = world.rate / (world.rate + (1 - world.rate) * (1 + world.moves))
    rates, covered, widths = [], 0, []
    for _ in range(trials):
        drawn = list(_units(world, rng))
        right, n = sum(u.right for u in drawn), sum(u.n for u in drawn)
        result = rate_of(drawn, Counts(right, n - right, 0))
        if result.rate is None or result.ci_low is None or result.ci_high is None:
            continue
        rates.append(result.rate)
        covered += result.ci_low <= truth <= result.ci_high
        widths.append(result.ci_high - result.ci_low)
    return Seen(covered / len(rates), float(np.mean(widths)), float(2 * 1.96 * np.std(rates)))


def _units(world: World, rng: np.random.Generator) -> Iterator[Unit]:
    """Places of one trial. A block's rate is drawn from a beta distribution with the world's mean and spread."""
    if world.spread:
        strength = world.rate * (1 - world.rate) / world.spread**2 - 1
        rates = rng.beta(world.rate * strength, (1 - world.rate) * strength, world.blocks)
    else:
        rates = np.full(world.blocks, world.rate)
    for block, own in enumerate(rates):
        for _ in range(max(1, rng.poisson(world.per_block))):
            if rng.random() < own:
                yield Unit(("s", block), 1, 1)
            else:
                yield Unit(("s", block), 0, 2 if rng.random() < world.moves else 1)


def worlds() -> list[World]:
    return [World(*one) for one in product(RATES, MOVES, SPREADS, BLOCKS)]


def main() -> None:
    """Prints each world with its coverage and width, then the least coverage and the mean width."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seen = []
    sys.stdout.write("rate  moves  spread  blocks  covered  width  wider than known variance\n")
    for number, world in enumerate(worlds()):
        one = simulate(world, trials=trials, seed=number)
        seen.append(one)
        sys.stdout.write(
            f"{world.rate:4.0%} {world.moves:6.0%} {world.spread:7.1%} {world.blocks:7d} {one.covered:8.1%} "
            f"{one.width:6.3f} {one.wider:6.2f}\n"
        )
    sys.stdout.write(
        f"least covered {min(s.covered for s in seen):.1%}, mean covered {np.mean([s.covered for s in seen]):.1%}, "
        f"mean width {np.mean([s.wider for s in seen]):.2f} times the known variance's\n"
    )


if __name__ == "__main__":
    main()
