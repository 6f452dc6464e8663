"""Claude as an agent: the official SDK, one query per phase, in namespaces of its own."""
