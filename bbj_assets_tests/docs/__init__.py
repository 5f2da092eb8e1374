"""The documentation is held to the code: its commands are run, its tables, examples and links compared."""
