"""Questions to the index: vectors and full text, fused."""

from bbj_assets.search.hybrid import Filters, Hit, search

__all__ = ["Filters", "Hit", "search"]
