"""Chart-pattern detectors, one module per pattern. See AGENTS.md for the contract."""
