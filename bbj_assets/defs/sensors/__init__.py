"""The sensors, a module each.

`follow` has what changed in a source ingested, `automation` keeps up what is built of all sources, `retry` starts the
runs that `retry_failed` asks for, and `alert` tells of failed runs.
"""
