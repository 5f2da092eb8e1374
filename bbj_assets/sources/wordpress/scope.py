"""Which posts of a WordPress site a source selects.

A site has one API for everything: the magazine, the knowledge base, the news and the company's address. The start URL
selects a part of it, in one of several ways, because WordPress lets a site choose its URLs freely.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bbj_assets.sources.walk import is_excluded
from bbj_assets.sources.wordpress.post import Listed
from bbj_assets.sources.wordpress.rest import PostType
from bbj_assets.web.urls import Site


@dataclass(frozen=True, slots=True)
class Scope:
    """The rules by which a post belongs to the source.

    One of these conditions has to be true:

    - its link lies in the folder of the start URL (`/knowledge-base/kb-1/` of `/knowledge-base/`);
    - the start page links to it, unless it is one of WordPress's pages, which menus are made of;
    - it is in a category with the name of the start URL's last folder (`/category/news/`);
    - `everything` is set: the source names its post types.

    A post that was selected because the start page linked to it stays when the link is gone, because start pages show
    the newest posts. That does not hold for a category, which lists all its posts.

    Attributes:
        linked: paths that the start page links to.
        terms: ids of the selected categories.
        known: paths of the posts that were selected before.
        exclude: glob patterns of paths that are left out.
    """

    site: Site
    linked: Collection[str] = ()
    terms: frozenset[int] = frozenset()
    known: Collection[str] = ()
    everything: bool = False
    exclude: Sequence[str] = ()

    def holds(self, post: Listed, kind: PostType) -> bool:
        """Return whether the post belongs to the source, and is public."""
        return self.selects(post, kind) or (_path(post.url) in self.known and not self.terms and self._may_hold(post))

    def selects(self, post: Listed, kind: PostType) -> bool:
        """Return whether the start URL selects the post by its present content."""
        if not self._may_hold(post):
            return False
        # A link may have the site's public name for a host; only its path counts.
        if self.everything or self.site.holds(f"{self.site.origin}{urlsplit(post.url).path}"):
            return True
        return not kind.is_pages and (_path(post.url) in self.linked or not self.terms.isdisjoint(post.terms))

    def _may_hold(self, post: Listed) -> bool:
        return post.is_public and _path(post.url) != _path(self.site.start) and not self.excludes(post.url)

    def excludes(self, url: str) -> bool:
        """Return whether `exclude` matches the page: its path below the start URL's folder, or its whole path."""
        if not self.exclude:
            return False
        path = unquote(urlsplit(url).path)
        names = {path.lstrip("/"), path.removeprefix(self.site.folder)}
        return any(is_excluded(name, self.exclude) for name in names)


def paths(urls: Collection[str]) -> frozenset[str]:
    """Return the paths of URLs, for `Scope.linked` and `Scope.known`."""
    return frozenset(map(_path, urls))


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
