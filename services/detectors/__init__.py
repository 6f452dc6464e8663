"""Detectors as data: contract, sandbox, and the starter pattern repository."""
