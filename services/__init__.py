"""The product, without a screen: use cases over the database, the worker, and the command line."""
