"""The batch runner: reading pending texts, the work queue, the retry policy, storing vectors, and the run's report.

It sees an embedder only through its protocol. Requests to a model server belong in `embedders`, SQL in `store`.
"""
