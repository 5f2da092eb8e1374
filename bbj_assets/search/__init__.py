"""Search: the chunks that are nearest in meaning and those that have the words of a question, fused by rank.

This package only reads. What is stored, and the SQL that writes it, is in `store`.
"""

from bbj_assets.search.hybrid import Filters, Hit, search

__all__ = ["Filters", "Hit", "search"]
