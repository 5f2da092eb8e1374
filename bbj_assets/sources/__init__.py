"""The parsers, one module a format: `discover` lists what there is, `parse` turns an item into documents."""
