"""The `mdx` parser."""
