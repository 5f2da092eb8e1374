"""The title of an article: plain text, without the name of the site that WordPress puts after it."""

import re
from collections.abc import Collection

from bbj_assets.convert.html import parse_html
from bbj_assets.convert.html.text import visible

_SEPARATOR = re.compile(r"\s+(?:[-|»·•:]|–|—)\s+")  # noqa: RUF001 - the dashes that WordPress makes of `-`


def plain(markup: str) -> str:
    """The words of a title that is HTML.

    >>> plain("Grids &amp; <em>Rows</em>&nbsp;&lt;2&gt;")
    'Grids & Rows <2>'
    """
    return " ".join(visible("".join(map(str, parse_html(markup).itertext()))).split())


def without_site(title: str, site_names: Collection[str]) -> str:
    """The title without a last part that is one of the names.

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
    """What stands after the last separator: in the title of a start page, mostly the name of the site."""
    found = list(_SEPARATOR.finditer(title))
    return title[found[-1].end() :] if found else ""
