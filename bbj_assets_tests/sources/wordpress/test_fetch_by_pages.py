"""Fetching a site whose REST API is closed, and items that are not posts: PDF files, pages that the API lacks."""

from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError, ParseError
from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets.sources.files import SourceFiles
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.fakes.wordpress_server import SITE_NAME, Fault, WordPressServer, post
from bbj_assets_tests.sources.wordpress.conftest import Fetch, documents, problems, source_of
from sample_data.serve import Answer, article_page

PDF = (SAMPLE_DATA / "web/wordpress-advantage/articles/keyed-files.pdf").read_bytes()


def links(site: WordPressServer) -> set[str]:
    return {str(one["link"]) for one in site.posts}


@pytest.fixture
def _closed(site: WordPressServer) -> None:
    site.behaviour.rest = "forbidden"


@pytest.mark.parametrize("rest", ["forbidden", "missing"])
def test_without_the_api_every_article_is_read_from_its_page(site: WordPressServer, fetch: Fetch, rest: str) -> None:
    by_rest = fetch()
    site.behaviour.rest = rest  # type: ignore[assignment]  # one of its values

    by_pages = fetch()

    assert by_pages.keys() == links(site)
    assert {url: document.title for url, document in by_pages.items()} == {u: d.title for u, d in by_rest.items()}
    assert {url: document.content for url, document in by_pages.items()} == {u: d.content for u, d in by_rest.items()}


@pytest.mark.usefixtures("_closed")
def test_a_page_belongs_to_the_year_in_which_it_was_published(source: Source, fetch: Fetch) -> None:
    fetch()

    assert {item.partition for item in wordpress.discover(source)} == {"2019", "2020", "2021", "2022", "2023"}


@pytest.mark.usefixtures("_closed")
def test_unchanged_pages_cost_a_304(site: WordPressServer, fetch: Fetch) -> None:
    site.behaviour.validators = True
    first = fetch()
    sent = len(site.unchanged)

    assert fetch() == first
    assert len(site.unchanged) - sent == 60


@pytest.mark.usefixtures("_closed")
def test_changed_new_and_deleted_articles_are_found(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    site.posts[4]["content"] = {"rendered": "<p>It was rewritten.</p>"}
    deleted = site.posts.pop(50)["link"]
    site.posts.append(post(61, site.url))

    second = fetch()

    assert second.keys() == links(site)
    assert deleted not in second
    assert second[site.posts[4]["link"]].content == "It was rewritten."


@pytest.mark.usefixtures("_closed")
def test_an_article_that_no_list_names_any_more_stays(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    site.behaviour.sitemap = False
    site.posts[0]["content"] = {"rendered": "<p>Old, and rewritten.</p>"}

    second = fetch()

    assert second.keys() == links(site)
    assert second[site.posts[0]["link"]].content == "Old, and rewritten."


@pytest.mark.usefixtures("_closed")
def test_without_a_sitemap_the_links_of_the_start_page_are_read(site: WordPressServer, fetch: Fetch) -> None:
    site.behaviour.sitemap = False

    assert len(fetch()) == site.behaviour.linked


@pytest.mark.usefixtures("_closed")
@pytest.mark.parametrize("status", [500, 403])
def test_a_failing_page_keeps_its_stored_text(site: WordPressServer, source: Source, fetch: Fetch, status: int) -> None:
    before = fetch()
    site.fail("/article-9/", Fault(status))
    site.posts[9]["content"] = {"rendered": "<p>New.</p>"}

    after = fetch()

    assert after.keys() == before.keys()
    assert after[site.posts[9]["link"]].content == "New."
    assert problems(source).keys() == {site.posts[8]["link"]}


@pytest.mark.usefixtures("_closed")
def test_too_many_failing_pages_end_the_fetch_and_change_nothing(
    site: WordPressServer, source: Source, fetch: Fetch
) -> None:
    before = fetch()
    site.fail("/article-", Fault(503))

    with pytest.raises(ListingError, match="in a row"):
        fetch()

    assert documents(source) == before
    site.faults.clear()
    assert fetch() == before


@pytest.mark.usefixtures("_closed")
def test_a_failing_sitemap_is_a_problem_that_deletes_nothing(
    site: WordPressServer, source: Source, fetch: Fetch
) -> None:
    before = fetch()
    site.fail("/wp-sitemap.xml", Fault(500))

    assert fetch() == before
    assert "sitemap" in " ".join(problems(source).values())


@pytest.mark.usefixtures("_closed")
def test_an_article_that_redirects_to_the_start_page_is_deleted(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    gone = site.posts.pop(3)["link"]
    site.extra[gone.removeprefix(site.url)] = Answer(302, b"", headers={"Location": site.start})

    assert fetch().keys() == links(site)


@pytest.mark.usefixtures("_closed")
def test_a_moved_article_is_stored_under_its_new_url(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    old = site.posts[3]["link"]
    site.posts[3]["link"] = new = f"{site.url}/magazine/moved/"
    site.extra[old.removeprefix(site.url)] = Answer(301, b"", headers={"Location": new})

    second = fetch()

    assert new in second
    assert old not in second


@pytest.mark.usefixtures("_closed")
def test_an_article_behind_a_password_has_no_document(site: WordPressServer, fetch: Fetch) -> None:
    site.posts[3]["content"] = {"rendered": "<form class='post-password-form'>Password: <input></form>"}

    assert site.posts[3]["link"] not in fetch()


@pytest.mark.parametrize("rest", ["open", "forbidden"])
def test_a_failing_start_page_deletes_nothing(site: WordPressServer, source: Source, fetch: Fetch, rest: str) -> None:
    site.behaviour.rest = rest  # type: ignore[assignment]  # one of its values
    before = fetch()
    site.extra["/magazine/"] = Answer(403, b"")
    if rest == "open":
        assert fetch() == before
        assert site.start_url in problems(source)
    else:
        with pytest.raises(ListingError, match="403"):
            fetch()
        assert documents(source) == before


def test_a_site_with_neither_a_start_page_nor_an_api_is_an_error(site: WordPressServer, fetch: Fetch) -> None:
    site.behaviour.rest = "missing"
    site.extra["/magazine/"] = Answer(404, b"")

    with pytest.raises(ListingError, match="no such page"):
        fetch()


def test_a_url_without_a_server_is_an_error(tmp_path: Path) -> None:
    with WordPressServer(posts=0) as site:
        source = source_of(site, tmp_path)

    with pytest.raises(ListingError, match="127"):
        wordpress.fetch(source)


def test_a_site_that_was_never_crawled_cannot_be_listed(source: Source) -> None:
    with pytest.raises(ListingError, match="never crawled"):
        list(wordpress.discover(source))


@pytest.mark.parametrize("rest", ["open", "forbidden"])
def test_pdf_files_of_the_start_page_are_articles(
    site: WordPressServer, source: Source, fetch: Fetch, rest: str
) -> None:
    site.behaviour.rest = rest  # type: ignore[assignment]  # one of its values
    site.behaviour.validators = True
    site.extra_links = """
        <li><a href="/files/keyed.pdf">Keyed files</a>, 2011</li>
        <li><a href="/files/undated.pdf">Undated</a></li>
        <h2>Specials</h2><ul><li><a href="/uploads/none.PDF">Without a year</a></li></ul>
        <li><a href="https://other.example/2012/far.pdf">Far away</a></li>"""
    for path in ("/files/keyed.pdf", "/files/undated.pdf", "/uploads/none.PDF"):
        site.extra[path] = Answer(200, PDF, "application/pdf")

    found = {url: document for url, document in fetch().items() if ".pdf" in url.lower()}

    assert {url.partition("#")[0] for url in found} == {f"{site.url}{path}" for path in site.extra}
    assert all(document.doc_type == "article" for document in found.values())
    assert all(document.display_url.startswith(f"{site.url}/") for document in found.values() if document.display_url)
    assert any("A key is a part of the record" in document.content for document in found.values())
    assert {i.path.rpartition(".")[2]: i.partition for i in wordpress.discover(source) if "keyed" in i.key} == {
        "pdf": "2011"
    }
    assert {i.partition for i in wordpress.discover(source) if "undated" in i.key} == {"2009"}  # of the heading above
    assert {i.partition for i in wordpress.discover(source) if "none" in i.key} == {"_pdf"}

    site.extra_links = ""
    assert not [url for url in fetch() if ".pdf" in url.lower()]


def test_a_damaged_pdf_file_fails_alone(site: WordPressServer, source: Source) -> None:
    site.extra_links = '<li><a href="/broken.pdf">Broken</a></li>'
    site.extra["/broken.pdf"] = Answer(200, b"%PDF-1.4 and nothing else", "application/pdf")
    wordpress.fetch(source)

    (item,) = [item for item in wordpress.discover(source) if item.key.endswith(".pdf")]
    with pytest.raises(ParseError, match=r"broken\.pdf"):
        wordpress.parse(source, item, item.file.read_bytes(), SourceFiles(item.root))


def test_an_article_that_the_api_lacks_is_read_from_its_page(site: WordPressServer, fetch: Fetch) -> None:
    static = post(90, site.url)
    site.extra_links = f'<li><a href="{static["link"]}">Static</a></li>'
    site.extra["/magazine/article-90/"] = Answer(200, article_page(static, SITE_NAME).encode())

    found = fetch()

    assert found.keys() == links(site) | {static["link"]}
    assert found[static["link"]].content == "The text of article number 90."


def test_excluded_pages_are_not_fetched(site: WordPressServer, source: Source) -> None:
    site.behaviour.rest = "forbidden"
    source = replace(source, exclude=("article-1*", "magazine/article-2?/"))

    wordpress.fetch(source)

    numbers = {int(url.rstrip("/").rpartition("-")[2]) for url in documents(source)}
    assert numbers == {*range(2, 10), *range(30, 61)}
    assert site.requests_with("/article-1") == []
