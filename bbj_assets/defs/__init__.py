"""The Dagster layer: it translates between Dagster's contexts and the plain functions that do the work."""
