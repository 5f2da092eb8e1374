"""Which part of a site a start URL selects."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets_tests.fakes.wordpress_server import WordPressServer, post
from bbj_assets_tests.sources.wordpress.conftest import documents, problems, source_of


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., set[str]]:
    """Return a function that returns the slugs of a source's articles, which two fetches have to agree on."""

    def slugs(site: WordPressServer, **settings: Any) -> set[str]:
        source: Source = replace(source_of(site, tmp_path), **settings)
        seen = []
        for _ in range(2):
            wordpress.fetch(source)
            seen.append({url.rstrip("/").rpartition("/")[2] for url in documents(source)})
            assert problems(source) == {}
        assert seen[0] == seen[1]
        return seen[1]

    return slugs


def numbered(*numbers: int) -> set[str]:
    return {f"article-{number}" for number in numbers}


def test_the_folder_of_the_start_url_is_selected(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, folder="magazine") as site:
        site.types["posts"] += [post(number, site.url, folder="news") for number in (6, 7)]
        site.types["pages"] = [post(8, site.url, folder=""), post(9, site.url, folder="magazine/editions")]
        site.behaviour.linked = 0

        assert read(site) == numbered(1, 2, 3, 4, 5, 9)


def test_articles_that_the_start_page_links_to_are_selected(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, folder="articles", start="/magazine-index/") as site:
        site.types["posts"] += [post(number, site.url, folder="news") | {"date": "2001"} for number in (6, 7)]
        site.types["pages"] = [post(8, site.url, folder="")]
        site.behaviour.linked = 5
        site.extra_links = '<li><a href="/article-8/">A page of the company, in a menu that looks like text</a></li>'

        assert read(site) == numbered(1, 2, 3, 4, 5)


def test_a_category_with_the_name_of_the_folder_is_selected(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, folder="2024", start="/category/tips/") as site:
        site.types["posts"] += [post(6, site.url, folder="2024") | {"categories": [8]}]
        site.behaviour.linked = 0

        assert read(site) == numbered(1, 2, 3, 4, 5)


def test_the_root_selects_the_whole_site(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, folder="2024/05", start="/") as site:
        site.types["pages"] = [post(6, site.url, folder="")]
        site.behaviour.linked = 0

        assert read(site) == numbered(1, 2, 3, 4, 5, 6)


def test_a_start_url_that_selects_nothing_selects_every_post_but_no_page(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, folder="2024/05", start="/magazine/") as site:
        site.types["pages"] = [post(6, site.url, folder="")]
        site.behaviour.linked = 0

        assert read(site) == numbered(1, 2, 3, 4, 5)


def test_links_under_the_public_name_of_the_site_are_selected(read: Callable[..., set[str]]) -> None:
    with WordPressServer(0) as site:
        site.types["posts"] = [post(number, "https://magazine.example") for number in range(1, 6)]
        site.behaviour.linked = 0

        assert read(site) == numbered(1, 2, 3, 4, 5)


def test_the_api_may_lie_in_the_folder_of_the_start_url(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5, start="/magazine/") as site:
        site.root = "/magazine/wp-json/"

        assert read(site) == numbered(1, 2, 3, 4, 5)


def test_an_article_that_the_start_page_no_longer_links_to_stays_until_it_is_deleted(tmp_path: Path) -> None:
    with WordPressServer(12, folder="articles", start="/index/") as site:
        site.types["posts"] += [post(number, site.url, folder="news") | {"date": "2001"} for number in range(20, 60)]
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        assert len(documents(source)) == 10
        site.behaviour.linked = 0

        wordpress.fetch(source)
        assert len(documents(source)) == 10

        gone = site.posts.pop(11)["link"]
        wordpress.fetch(source)
        assert len(documents(source)) == 9
        assert gone not in documents(source)


def test_an_article_that_leaves_the_selected_category_is_deleted(tmp_path: Path) -> None:
    with WordPressServer(5, folder="2024", start="/category/tips/") as site:
        site.behaviour.linked = 0
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        site.posts[2]["categories"] = [8]

        wordpress.fetch(source)

        assert len(documents(source)) == 4


def test_another_start_url_selects_other_articles(tmp_path: Path) -> None:
    with WordPressServer(5, folder="magazine", start="/") as site:
        site.types["posts"] += [post(6, site.url, folder="news")]
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        assert len(documents(source)) == 6

        wordpress.fetch(replace(source, url=f"{site.url}/news/"))

        assert documents(source).keys() == {f"{site.url}/news/article-6/"}


def test_excluded_articles_are_not_selected(read: Callable[..., set[str]]) -> None:
    with WordPressServer(5) as site:
        assert read(site, exclude=("article-[12]/", "magazine/article-3/")) == numbered(4, 5)


def test_the_start_page_is_not_an_article(read: Callable[..., set[str]]) -> None:
    with WordPressServer(2) as site:
        site.types["pages"] = [post(3, site.url) | {"link": site.start_url}]

        assert read(site) == numbered(1, 2)
