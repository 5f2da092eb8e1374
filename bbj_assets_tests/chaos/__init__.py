"""What the index holds after ingests and PostgreSQL were killed at random moments."""
