"""The Dagster layer: it translates between Dagster's contexts and the plain functions that do the work.

- `assets/`, `asset_checks`: what is built of each source and of all, and what is checked (guides/build/assets)
- `partitions`, `raw_sections`, `removals`: the sections of a source (guides/build/partitions-and-backfills)
- `jobs`, `run_config`, `ingest_options`: what can be run, and with which options (guides/build/jobs)
- `sensors/`, `schedules`: what starts runs by itself (guides/automate)
- `runtime`, `logged_progress`: the one resource (guides/build/external-resources)
- `metadata`, `catalogue`, `tags`, `run_errors`: what Dagster shows (guides/build/assets/metadata-and-tags)
- `recorded_fingerprints`, `unfinished_runs`: what Dagster's records say of sections and runs
- `run_sources`: runs from the command line, in its process
- `instance/`: what changes Dagster itself, or uses a private name of it (deployment/oss)
- `build`: all of it as one `Definitions`

The names in brackets are pages of https://docs.dagster.io/ that explain the concept.

What belongs here is a few lines a function: a context in, a plain function called, a report out as metadata. What does
not: reading, parsing, embedding, SQL, decisions about documents, and anything that a caller without Dagster needs.
"""
