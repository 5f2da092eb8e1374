"""What the sources of these tests hold."""

PAGES = {
    "index.md": "# Welcome\n\nWhere to start.\n",
    "grids/rows.md": "# Rows\n\nA grid has rows.\n\n## Colours\n\nRows have colours.\n",
    "grids/columns.md": "# Columns\n\nA grid has columns.\n",
    "events/click.mdx": "# Click\n\nSomebody clicked.\n",
}


def page(number: int) -> str:
    return f"# Page {number}\n\nWhat page {number} says.\n"
