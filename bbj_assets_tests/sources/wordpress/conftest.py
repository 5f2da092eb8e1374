"""A WordPress site on loopback, a source that reads it, and the source's documents."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bbj_assets.documents import Document
from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets.sources.files import SourceFiles
from bbj_assets_tests.fakes.wordpress_server import WordPressServer

Fetch = Callable[..., dict[str, Document]]


@pytest.fixture
def site() -> Iterator[WordPressServer]:
    with WordPressServer() as server:
        yield server


@pytest.fixture
def source(site: WordPressServer, tmp_path: Path) -> Source:
    return source_of(site, tmp_path)


@pytest.fixture
def fetch(source: Source) -> Fetch:
    """Fetch the site; the documents by their URLs."""

    def fetched(changed: Source | None = None) -> dict[str, Document]:
        wordpress.fetch(changed or source)
        return documents(changed or source)

    return fetched


def source_of(site: WordPressServer, folder: Path, **settings: object) -> Source:
    return Source(
        "wordpress-test",
        "wordpress",
        url=site.start_url,
        mirror=folder / "mirror",
        requests_per_second=1000,
        **settings,  # type: ignore[arg-type]  # the settings of Source
    )


def documents(source: Source) -> dict[str, Document]:
    found = {}
    for item in wordpress.discover(source):
        if item.path:
            for document in wordpress.parse(source, item, item.file.read_bytes(), SourceFiles(item.root)):
                assert document.source_url not in found
                found[document.source_url] = document
    return found


def problems(source: Source) -> dict[str, str]:
    return {item.key: item.problem for item in wordpress.discover(source) if item.problem}
