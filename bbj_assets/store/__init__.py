"""PostgreSQL with pgvector: the schema, and all the SQL that writes, one module a table."""
