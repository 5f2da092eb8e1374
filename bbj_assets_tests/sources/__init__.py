"""Tests of the parsers, in one folder or module for each format."""
