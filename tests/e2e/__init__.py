"""The whole service by its contract, on real PostgreSQL and Valkey."""
