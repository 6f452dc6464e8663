"""Deploy targets: one protocol, several adapters."""
