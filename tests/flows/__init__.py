"""The flows on real PostgreSQL, phase by phase."""
