"""Which posts of a WordPress site a source means.

A site has one API for all of it: the magazine, the knowledge base, the news and the company's address. The start URL
says what is meant, and does so in one of several ways, because WordPress lets a site lie where it likes.
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
    """A post belongs to the source when one of these holds.

    - its link lies in the folder of the start URL (`/knowledge-base/kb-1/` of `/knowledge-base/`);
    - the start page links to it, unless it is one of WordPress's pages, which menus are made of;
    - it is filed under a category that is called like the start URL's last folder (`/category/news/`);
    - `everything` is: the source names its post types.

    A post that was taken because the start page linked to it stays when it no longer does: start pages show the newest
    ones. A category is another matter, for it lists all that is in it.

    Attributes:
        linked: paths that the start page links to.
        terms: ids of the categories that are meant.
        known: paths of the posts that were taken before.
        exclude: glob patterns of paths that are not.
    """

    site: Site
    linked: Collection[str] = ()
    terms: frozenset[int] = frozenset()
    known: Collection[str] = ()
    everything: bool = False
    exclude: Sequence[str] = ()

    def holds(self, post: Listed, kind: PostType) -> bool:
        """Whether the source means the post, and everybody may read it."""
        return self.means(post, kind) or (_path(post.url) in self.known and not self.terms and self._may_hold(post))

    def means(self, post: Listed, kind: PostType) -> bool:
        """Whether it does so because of what its start URL says today."""
        if not self._may_hold(post):
            return False
        if self.everything or self.site.holds(f"{self.site.origin}{urlsplit(post.url).path}"):  # or its public name
            return True
        return not kind.is_pages and (_path(post.url) in self.linked or not self.terms.isdisjoint(post.terms))

    def _may_hold(self, post: Listed) -> bool:
        return post.is_public and _path(post.url) != _path(self.site.start) and not self.excludes(post.url)

    def excludes(self, url: str) -> bool:
        """Whether `exclude` names the page: by its path below the start URL's folder, or by all of it."""
        if not self.exclude:
            return False
        path = unquote(urlsplit(url).path)
        names = {path.lstrip("/"), path.removeprefix(self.site.folder)}
        return any(is_excluded(name, self.exclude) for name in names)


def paths(urls: Collection[str]) -> frozenset[str]:
    """The URLs as `Scope.linked` needs them."""
    return frozenset(map(_path, urls))


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
