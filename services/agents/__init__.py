"""Agents that change a detector: one protocol, several adapters."""
