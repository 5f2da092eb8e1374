"""PostgreSQL with pgvector: the schema, connections to it, and all the SQL that writes, one module per table.

The SQL that searches is in `search`. Decisions about sources, items and texts belong to the callers, in
`ingest` and `embedding`. This package imports neither.
"""
