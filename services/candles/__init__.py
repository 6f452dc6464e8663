"""Candles: recognising and checking files, storing datasets."""
