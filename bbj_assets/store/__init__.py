"""PostgreSQL with pgvector: the schema, connections to it, and all the SQL that writes, one module per table.

The SQL that searches is in `search`. What is decided about sources, items and texts is decided by the callers, in
`ingest` and `embedding`; this package imports neither.
"""
