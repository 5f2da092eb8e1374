"""BBj Assets: the documentation of BBj as a search index that is always current."""
