"""What the entry of a source of the web in sources.toml says: where its site is, and where its mirror."""

from collections.abc import Iterator
from pathlib import Path

from bbj_assets.documents import Item
from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.source import Source
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.urls import Site, shown


def site_of(source: Source) -> Site:
    """The site that the source is.

    Raises:
        ConfigurationError: its URL is none.
    """
    site = Site.of(source.url or "")
    if site is None:
        url = shown(source.url or "")
        remedy = "Write a whole one, with https:// or http:// and a host."
        raise ConfigurationError([f"source {source.name!r}: `url` {url!r} is no address of a website. {remedy}"])
    return site


def mirror_of(source: Source) -> Path:
    """The folder of what the source has fetched.

    Raises:
        ConfigurationError: it has none.
    """
    if source.mirror is None:
        raise ConfigurationError([f"Source {source.name!r} has no folder for what it fetches."])
    return source.mirror


def mirrored_items(source: Source) -> Iterator[Item]:
    """List the pages of the mirror, in the order of their URLs.

    Raises:
        ListingError: the site was never visited, so that an empty mirror says nothing.
        ConfigurationError: the source's URL is none.
    """
    with Mirror(mirror_of(source)) as mirror:
        if not mirror.was_visited:
            raise ListingError(
                f"Source {source.name!r}: {site_of(source).start} was never visited to the end, so its pages are not "
                f"known yet. Run bbj-ingest-all --source {source.name}."
            )
        yield from mirror.items()
