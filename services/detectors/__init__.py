"""Detectors as data: contract, sandbox, scoring, replay, and the starter pattern repository."""
