"""Fetching from the web, shared by the web sources: a polite client, a mirror on disk, and the rules for URLs.

    site ──SiteClient──▶ Page ──Mirror──▶ files and an index ──▶ Items, parsed like those of any other source

What a page means (content, titles, which links to follow) belongs to the parsers in `sources`, not here.
"""
