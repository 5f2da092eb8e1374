"""Tests of the `flare` parser."""
