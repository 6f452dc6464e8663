"""What grows, and the rule by which each part of it is bounded: looked at, and removed."""

from services.pruning.pruning import Kept, Pruned, look, prune

__all__ = ["Kept", "Pruned", "look", "prune"]
