"""The tuner is not fooled by chance, and finds what is there: a few of the trials of `services.agents.trials`."""

from __future__ import annotations

from services.agents.trials import trial


def test_labels_that_are_coin_flips_let_nothing_deploy() -> None:
    """Nine of nine such trials once claimed an improvement. Fully and partly checked windows take turns."""
    made = [trial("random", seed, max_points=60) for seed in range(4)]
    assert sum(t.deploys or t.claimed for t in made) == 0


def test_labels_of_known_parameters_are_found() -> None:
    made = [trial("known", seed, max_points=100) for seed in (2, 3)]
    assert all(t.deploys for t in made)
    assert min(t.agreement or 0.0 for t in made) >= 0.8
