"""What the sources of the web share: a polite fetcher, the mirror that it fills, and what a URL is.

site ──Fetcher──▶ Page ──Mirror──▶ files and an index ──▶ Items, parsed like those of any other source
"""
