"""Tests of the `mdx` parser."""
