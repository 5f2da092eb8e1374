"""From a listing to stored chunks: what changed, parsing it in worker processes, and replacing what is stored.

The formats are in `sources`, the SQL is in `store`. What starts a run, and when, is decided in `defs` and `cli`.
"""
