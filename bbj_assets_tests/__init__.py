"""The tests mirror the package; `fakes` has the servers that they talk to over real HTTP."""
