"""The parts of the contract gate: its candles, the ascending runs, and the comparisons (see `services.detectors.contract`)."""
