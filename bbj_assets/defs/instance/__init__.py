"""Everything that changes Dagster itself or uses a private name of it (README.md lists each name, why, and its test).

Here belong subclasses that a dagster.yaml names, the instance that the command line opens, and small functions that
hide a private name from the rest of `defs`. Assets, jobs, sensors and anything about documents do not.

Dagster's pages: https://docs.dagster.io/deployment/oss/dagster-yaml and .../oss/oss-instance-configuration
"""
