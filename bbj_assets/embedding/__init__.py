"""Text becomes vectors.

`embedders` holds the protocol and its three implementations, `runner` embeds in asynchronous batches, and `in_use`
chooses the embedder of the active model. Writing vectors to PostgreSQL belongs in `store`.
"""
