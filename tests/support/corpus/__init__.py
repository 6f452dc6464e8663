"""Detectors and tests that try to fool the gates, and honest ones that must not be refused."""
