"""What several parsers share: HTML to Markdown, the blocks of Markdown, and PDF pages to Markdown.

Nothing here knows a source, lists files or fetches pages.
"""
