"""The site and the mirror of a web source, as its entry in sources.toml defines them."""

from collections.abc import Iterator
from pathlib import Path

from bbj_assets.documents import Item
from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.source import Source
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.urls import Site, without_credentials


def site_of(source: Source) -> Site:
    """Return the site of a source.

    Raises:
        ConfigurationError: the source's URL is not the address of a website.
    """
    site = Site.of(source.url or "")
    if site is None:
        url = without_credentials(source.url or "")
        remedy = "Write the whole address, with https:// or http:// and a host."
        raise ConfigurationError([f"source {source.name!r}: `url` {url!r} is not the address of a website. {remedy}"])
    return site


def mirror_of(source: Source) -> Path:
    """Return the folder with the mirror of a source.

    Raises:
        ConfigurationError: the source has no such folder.
    """
    if source.mirror is None:
        remedy = "Sources of sources.toml get one. For a `Source` made in Python, set `mirror`."
        raise ConfigurationError([f"Source {source.name!r} has no folder for its mirror. {remedy}"])
    return source.mirror


def mirrored_items(source: Source) -> Iterator[Item]:
    """List the pages of the mirror, in the order of their URLs.

    Raises:
        ListingError: the site was never crawled to the end, so its pages are not known yet.
        ConfigurationError: the source's URL is not the address of a website.
    """
    with Mirror(mirror_of(source)) as mirror:
        if not mirror.was_crawled:
            raise ListingError(
                f"Source {source.name!r}: {site_of(source).start} was never crawled to the end, so its pages are not "
                f"known yet. Run bbj-ingest-all --source {source.name}."
            )
        yield from mirror.items()
