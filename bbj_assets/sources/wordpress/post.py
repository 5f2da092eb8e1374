"""A post of the REST API: its form in the mirror, and its document."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bbj_assets.convert.html import parse_html
from bbj_assets.documents import Document, Json
from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.content import article_markdown
from bbj_assets.sources.wordpress.titles import plain, without_site
from bbj_assets.web.urls import normalised

_TEXTS = ("type", "link", "date", "modified")
_HTML = ("title", "content", "excerpt")
FIELDS = ("id", "status", *_TEXTS, "modified_gmt", *_HTML, "categories", "tags")
"""The fields of a post that are requested. The names of its author and terms are embedded beside it."""

_UNFILED = frozenset({"uncategorized", "uncategorised", "allgemein", "unkategorisiert"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.+Z-]{1,24})?", re.ASCII)
_CONTENT_BODY = ".//*[@id='eckb-article-content-body']"
"""The text, around which Echo Knowledge Base renders its page even in the API."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A validated row of a list.

    Attributes:
        url: the post's link, normalised.
        modified: in GMT if the site sends that; empty if it sends no date.
        terms: the ids of the post's categories and tags.
        is_public: whether it is published, and not behind a password.
        body: the row itself if it has the content.
    """

    id: int
    url: str
    modified: str
    terms: frozenset[int]
    is_public: bool
    year: str
    body: Mapping[str, Json] | None


def read_row(row: Json) -> Listed | None:
    """Validate a row of a list; None for a row without an id or a link."""
    if not isinstance(row, dict):
        return None
    number, url = row.get("id"), normalised(_text(row.get("link")))
    if not isinstance(number, int) or url is None:
        return None
    content = row.get("content")
    terms = [*_list(row.get("categories")), *_list(row.get("tags"))]
    return Listed(
        id=number,
        url=url,
        modified=_date(row.get("modified_gmt")) or _date(row.get("modified")),
        terms=frozenset(term for term in terms if isinstance(term, int)),
        is_public=_is_public(row),
        year=year_of(_date(row.get("date")) or _date(row.get("modified"))),
        body=row if _has_text(content) else None,
    )


def year_of(date: str) -> str:
    """Return the year of an ISO date, as a partition; `_undated` without one.

    >>> year_of("2021-05-04T10:00:00"), year_of("")
    ('2021', '_undated')
    """
    return date[:4] if date[:4].isascii() and date[:4].isdigit() and date[4:5] in {"-", ""} else "_undated"


def serialise(post: Mapping[str, Json], site_names: Sequence[str]) -> bytes:
    """Return the post as the mirror stores it: the same bytes as long as nothing visible changes."""
    kept: dict[str, Json] = {field: _text(post.get(field)) for field in _TEXTS if post.get(field)}
    kept |= {field: {"rendered": _rendered(post.get(field))} for field in _HTML}
    kept["protected"] = not _is_public(post)
    embedded = post.get("_embedded")
    if isinstance(embedded, dict):
        kept["author_names"] = [name for author in _list(embedded.get("author")) if (name := _text_of(author, "name"))]
        kept["terms"] = [
            {key: _text_of(term, key) for key in ("taxonomy", "name")}
            for group in _list(embedded.get("wp:term"))
            for term in _list(group)
            if _text_of(term, "name")
        ]
    kept["site_names"] = list(site_names)
    return json.dumps(kept, sort_keys=True, ensure_ascii=True, indent=0).encode()


def parse_post(url: str, raw: bytes) -> list[Document]:
    """Return the document of a post; none for a draft, a private post, or one behind a password.

    Raises:
        ParseError: the bytes are not a post.
    """
    post = _load(url, raw)
    if not _is_public(post):
        return []
    title = without_site(plain(_rendered(post.get("title"))), _texts(post.get("site_names")))
    title = title or _name_in_url(url)
    content = _markdown(_rendered(post.get("content")), url, title)
    if not content:
        content = _markdown(_rendered(post.get("excerpt")), url, title)
    terms = [term for term in _list(post.get("terms")) if isinstance(term, dict)]
    tags = [plain(_text_of(term, "name")) for term in terms if "tag" in _text_of(term, "taxonomy")]
    categories = [plain(_text_of(term, "name")) for term in terms if "tag" not in _text_of(term, "taxonomy")]
    categories = [name for name in categories if name.casefold() not in _UNFILED]
    metadata: dict[str, Json] = {
        "type": plain(_text(post.get("type"))),
        "date": _date(post.get("date")),
        "modified": _date(post.get("modified")),
        "author": ", ".join(plain(name) for name in _texts(post.get("author_names"))),
        "categories": list[Json](categories),
        "tags": list[Json](tags),
    }
    return [
        Document(
            source_url=url,
            title=title,
            content=content,
            doc_type="article",
            display_url=url,
            section_path=tuple(categories[:1]),
            metadata={key: value for key, value in metadata.items() if value},
        )
    ]


def _markdown(html: str, url: str, title: str) -> str:
    tree = parse_html(html)
    body = tree.find(_CONTENT_BODY)
    return article_markdown(tree if body is None else body, base_url=url, title=title)


def _load(url: str, raw: bytes) -> Mapping[str, Json]:
    try:
        post: Json = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ParseError(
            f"{url}: the response of its site's REST API is not JSON ({error}). The next crawl fetches it again if it "
            "changes. To fetch it at once, delete the source's mirror."
        ) from None
    if not isinstance(post, dict) or not _has_text(post.get("content")) or not _has_text(post.get("title")):
        raise ParseError(
            f"{url}: the response of its site's REST API is not a post: `title` and `content` are missing. If the site "
            "hides them from visitors, leave the page out with `exclude` in sources.toml."
        )
    return post


def _is_public(post: Mapping[str, Json]) -> bool:
    content = post.get("content")
    if post.get("protected") is True or (isinstance(content, dict) and content.get("protected") is True):
        return False
    return (post.get("status") or "publish") in ("publish", "inherit")


def _date(value: Json) -> str:
    return value if isinstance(value, str) and _DATE.fullmatch(value) else ""


def _has_text(field: Json) -> bool:
    return isinstance(field, str) or (isinstance(field, dict) and isinstance(field.get("rendered"), str))


def _rendered(field: Json) -> str:
    """Return the text of `{"rendered": ...}`, or of a plain string, which some plugins send instead."""
    return _text(field.get("rendered")) if isinstance(field, dict) else _text(field)


def _name_in_url(url: str) -> str:
    """Return the last segment of a URL in words, for a post without a title."""
    return url.rstrip("/").rpartition("/")[2].replace("-", " ") or url


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Json) -> list[str]:
    return [text for text in _list(value) if isinstance(text, str)]


def _text_of(value: Json, key: str) -> str:
    return _text(value.get(key)) if isinstance(value, dict) else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
