"""The parsers, one module or folder per format: `discover` lists the items, `parse` turns an item into documents.

`registry` maps the names in sources.toml to the parsers, `parser` is the contract that they satisfy, and `walk` and
`files` are what the parsers of files share. Does not belong here: what several formats share (`convert`), fetching
pages (`web`), and deciding which items are read and when (`ingest`).
"""
