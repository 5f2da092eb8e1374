-- Run once, when the volume is new: Dagster's own state has a database of its own beside the index.
CREATE DATABASE dagster;
