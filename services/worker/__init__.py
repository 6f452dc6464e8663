"""The worker: the durable workflow of an execution, its phases and its liveness."""
