"""The batch runner: work queue, retry policy, storing and report. Embedders do not belong here."""
