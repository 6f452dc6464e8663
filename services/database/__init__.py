"""The engine, transactions, paging and the embedded PostgreSQL server."""
