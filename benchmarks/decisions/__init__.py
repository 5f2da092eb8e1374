"""Measurements behind docs/decisions.md: a part of ours beside the library that does the same.

Each module is a script for a throw-away environment that has the library too. Nothing here runs in `make bench` or in
the tests, and none of the libraries is a dependency.
"""
