"""The title of an article: plain text, without the name of the site that WordPress appends to it."""

import re
from collections.abc import Collection

from bbj_assets.convert.html import parse_html
from bbj_assets.convert.html.text import visible

_SEPARATOR = re.compile(r"\s+(?:[-|»·•:]|–|—)\s+")  # noqa: RUF001 - WordPress turns `-` into these dashes


def plain(markup: str) -> str:
    """Return the text of a title that is HTML.

    >>> plain("Grids &amp; <em>Rows</em>&nbsp;&lt;2&gt;")
    'Grids & Rows <2>'
    """
    return " ".join(visible("".join(map(str, parse_html(markup).itertext()))).split())


def without_site(title: str, site_names: Collection[str]) -> str:
    """Return the title without a last part that is one of the names, ignoring case.

    >>> without_site("Timers | BASIS", ["basis"]), without_site("BBj - The Language", ["BASIS"])
    ('Timers', 'BBj - The Language')
    """
    names = {name.casefold() for name in site_names if name}
    while names and (found := list(_SEPARATOR.finditer(title))):
        last = next((at for at in found if title[at.end() :].casefold() in names), None)
        if last is None or last.start() == 0:
            break
        title = title[: last.start()]
    return title


def last_part(title: str) -> str:
    """Return the text after the last separator; empty without one. In a start page, it is mostly the site's name."""
    found = list(_SEPARATOR.finditer(title))
    return title[found[-1].end() :] if found else ""
