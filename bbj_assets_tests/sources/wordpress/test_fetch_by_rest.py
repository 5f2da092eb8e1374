"""Fetching a site whose REST API is open."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets_tests.fakes.wordpress_server import Fault, WordPressServer, kinds_of, post
from bbj_assets_tests.sources.wordpress.conftest import Fetch, documents, problems, source_of


def links(site: WordPressServer) -> set[str]:
    return {str(one["link"]) for one in site.posts}


def edit(one: dict[str, object], text: str, modified: str = "2026-05-01T12:00:00") -> None:
    one["content"] = {"rendered": f"<p>{text}</p>", "protected": False}
    one["modified"] = one["modified_gmt"] = modified


def test_every_post_becomes_a_document_under_its_link(site: WordPressServer, fetch: Fetch) -> None:
    found = fetch()

    assert found.keys() == links(site)
    assert len(found) == 60
    document = found[f"{site.url}/magazine/article-13/"]
    assert document.title == "Article 13 \N{EN DASH} rows & columns"
    assert document.content == "The text of article number 13."
    assert document.doc_type == "article"
    assert document.display_url == document.source_url
    assert document.section_path == ("Tips & Tricks",)
    assert document.metadata == {
        "type": "post",
        "date": "2020-01-05T10:00:00",
        "modified": "2020-01-06T10:00:00",
        "author": "Ann O\N{RIGHT SINGLE QUOTATION MARK}Nym",
        "categories": ["Tips & Tricks"],
        "tags": ["grids"],
    }


def test_a_post_belongs_to_the_year_of_its_date(source: Source, fetch: Fetch) -> None:
    fetch()

    assert {item.partition for item in wordpress.discover(source)} == {"2019", "2020", "2021", "2022", "2023"}


def test_without_changes_only_lists_are_requested(site: WordPressServer, fetch: Fetch) -> None:
    first = fetch()
    site.requests.clear()

    assert fetch() == first
    assert kinds_of(site.requests) == {
        "/robots.txt": 1,
        "/magazine/": 1,
        "/wp-json/wp/v2/types": 1,
        "/wp-json/wp/v2/categories": 1,
        "/wp-json/wp/v2/posts": 2,
        "/wp-json/wp/v2/pages": 1,
    }
    assert len(site.requests_with("modified_after=2023-12-06T08:00:00Z")) == 1
    assert site.requests_with("content,excerpt") == site.requests_with("modified_after")


def test_only_a_changed_post_is_fetched_again(site: WordPressServer, fetch: Fetch) -> None:
    first = fetch()
    edit(site.posts[4], "It was rewritten.")
    site.requests.clear()

    second = fetch()

    assert second[site.posts[4]["link"]].content == "It was rewritten."
    assert {url for url in second if second[url] != first[url]} == {site.posts[4]["link"]}
    assert len(site.requests_with("include=")) == 0


def test_a_change_with_an_old_date_is_found_by_the_list(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    edit(site.posts[4], "It was restored from a backup.", modified="2019-02-01T00:00:00")

    assert fetch()[site.posts[4]["link"]].content == "It was restored from a backup."
    assert len(site.requests_with("include=105")) == 1


def test_a_new_post_is_found(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    site.posts.append(post(61, site.url))

    assert fetch().keys() == links(site)


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda posts: posts.pop(6), id="deleted"),
        pytest.param(lambda posts: posts[6].update(status="draft"), id="made a draft"),
        pytest.param(lambda posts: posts[6].update(status="private"), id="made private"),
        pytest.param(lambda posts: posts[6].update(content={"rendered": "", "protected": True}), id="password"),
    ],
)
def test_a_post_that_is_no_longer_public_is_deleted(
    site: WordPressServer, fetch: Fetch, hide: Callable[[list[dict[str, object]]], object]
) -> None:
    url = site.posts[6]["link"]
    assert url in fetch()
    hide(site.posts)

    second = fetch()

    assert url not in second
    assert len(second) == 59


def test_a_post_with_a_new_link_is_stored_under_it_alone(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    old, new = site.posts[6]["link"], f"{site.url}/magazine/renamed/"
    site.posts[6] |= {"link": new, "modified": "2026-01-01T00:00:00", "modified_gmt": "2026-01-01T00:00:00"}

    second = fetch()

    assert new in second
    assert old not in second
    assert len(second) == 60


def test_a_site_without_posts_has_no_documents(tmp_path: Path) -> None:
    with WordPressServer(posts=0) as site:
        source = source_of(site, tmp_path)
        wordpress.fetch(source)

        assert documents(source) == {}
        assert problems(source) == {}


def test_posts_deleted_while_they_are_listed_cost_no_other_post(tmp_path: Path) -> None:
    with WordPressServer(posts=250) as site:
        source = source_of(site, tmp_path)

        def delete_while_listing(target: str) -> None:
            if "page=2&" in target and "_fields=id,link" in target and len(site.posts) == 250:
                del site.posts[10:13]

        site.before = delete_while_listing
        wordpress.fetch(source)

        assert documents(source).keys() == links(site)
        assert len(links(site)) == 247


def test_posts_that_a_shifted_list_lost_are_not_deleted(tmp_path: Path) -> None:
    with WordPressServer(posts=250) as site:
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        site.behaviour.tells_totals = False  # so that nothing but the posts themselves shows it

        def delete_while_listing(target: str) -> None:
            if "page=2&" in target and "_fields=id,link" in target and len(site.posts) == 250:
                del site.posts[10:13]

        site.before = delete_while_listing
        wordpress.fetch(source)
        del site.posts[20]
        wordpress.fetch(source)

        assert documents(source).keys() == links(site)


@pytest.mark.parametrize("status", [500, 503, 429, 403])
def test_an_error_in_the_middle_of_a_list_is_a_problem_and_deletes_nothing(tmp_path: Path, status: int) -> None:
    with WordPressServer(posts=150) as site:
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        before = documents(source)
        del site.posts[:20]
        site.posts.append(post(151, site.url))
        edit(site.posts[0], "New.")
        site.fail("page=2&", Fault(status))

        wordpress.fetch(source)

        after = documents(source)
        assert after.keys() >= before.keys()
        assert after[site.posts[0]["link"]].content == "New."
        assert after.keys() >= {site.posts[-1]["link"]}
        (problem,) = problems(source).values()
        assert "Nothing was deleted" in problem
        site.faults.clear()
        wordpress.fetch(source)
        assert documents(source).keys() == links(site)
        assert problems(source) == {}


def test_a_response_that_is_not_json_deletes_nothing(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    before = fetch()
    site.posts.clear()
    site.fail("v2/posts", Fault(200, b"<br /><b>Warning</b>: mysqli_connect() []", "application/json"))

    assert fetch() == before
    assert "not JSON" in " ".join(problems(source).values())


def test_a_site_that_is_down_changes_nothing(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    before = fetch()
    site.fail("/", Fault(503))

    with pytest.raises(ListingError, match="503"):
        fetch()

    assert documents(source) == before


def test_a_site_that_refuses_modified_after_is_read_by_its_list(site: WordPressServer, fetch: Fetch) -> None:
    fetch()
    edit(site.posts[4], "It was rewritten.")
    site.fail("modified_after", Fault(400))

    assert fetch()[site.posts[4]["link"]].content == "It was rewritten."


def test_a_failing_api_keeps_the_stored_posts(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    before = fetch()
    site.posts.clear()
    site.fail("/wp-json/", Fault(500))

    assert fetch() == before
    (problem,) = problems(source).values()
    assert "500" in problem


def test_a_post_that_the_site_fails_on_is_the_only_problem(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    poison = site.posts[30]["id"]

    def fails(target: str) -> None:
        site.faults.clear()
        if "content,excerpt" in target and (f"{poison}" in target or "include=" not in target):
            site.fail(target)

    site.before = fails

    assert fetch().keys() == links(site) - {site.posts[30]["link"]}
    assert problems(source) == {site.posts[30]["link"]: "the site answers 500 Internal Server Error."}


def test_a_transient_error_leaves_no_problem(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    site.fail("v2/posts", Fault(503, times=2))

    assert fetch().keys() == links(site)
    assert problems(source) == {}


@pytest.mark.parametrize(
    "ignored",
    [
        {"_fields"},
        {"_fields", "include", "modified_after", "orderby", "order", "_embed"},
        {"modified_after"},
        {"orderby", "order"},
    ],
    ids=lambda names: ", ".join(sorted(names)),
)
@pytest.mark.parametrize("tells_totals", [True, False], ids=["totals", "no totals"])
def test_an_api_that_ignores_parameters_is_read_in_full(tmp_path: Path, ignored: set[str], tells_totals: bool) -> None:
    with WordPressServer(posts=130) as site:
        site.behaviour.ignored = frozenset(ignored)
        site.behaviour.tells_totals = tells_totals
        source = source_of(site, tmp_path)
        wordpress.fetch(source)
        assert documents(source).keys() == links(site)
        edit(site.posts[3], "New.")
        del site.posts[50]

        wordpress.fetch(source)

        assert documents(source).keys() == links(site)
        assert documents(source)[site.posts[3]["link"]].content == "New."


def test_the_api_of_a_site_without_pretty_permalinks_is_found(site: WordPressServer, fetch: Fetch) -> None:
    site.behaviour.rest = "plain"

    assert fetch().keys() == links(site)
    assert len(site.requests_with("/?rest_route=/wp/v2/posts")) > 0
    assert site.requests_with("/wp-json/") == []


def test_without_a_list_of_types_posts_and_pages_are_read(site: WordPressServer, fetch: Fetch) -> None:
    site.behaviour.tells_types = False
    site.types["pages"] = [post(80, site.url)]

    assert fetch().keys() == links(site) | {f"{site.url}/magazine/article-80/"}


def test_custom_types_are_read_and_types_without_articles_are_not(site: WordPressServer, fetch: Fetch) -> None:
    site.types["epkb_post_type_1"] = [post(70, site.url, kind="epkb_post_type_1")]
    site.types["wp_navigation"] = [post(71, site.url)]

    found = fetch()

    assert found.keys() == links(site) | {f"{site.url}/magazine/article-70/"}
    assert [route for route in kinds_of(site.requests) if "wp_" in route or "menu" in route or "attach" in route] == []


def test_only_the_configured_types_are_read(site: WordPressServer, source: Source) -> None:
    site.types["epkb_post_type_1"] = [post(70, site.url, folder="elsewhere", kind="epkb_post_type_1")]
    source = replace(source, post_types=("epkb_post_type_1",))

    wordpress.fetch(source)

    assert documents(source).keys() == {f"{site.url}/elsewhere/article-70/"}


def test_a_configured_type_that_the_site_lacks_is_a_problem(source: Source) -> None:
    source = replace(source, post_types=("posts", "recipes"))

    wordpress.fetch(source)

    assert len(documents(source)) == 60
    (problem,) = problems(source).values()
    assert "`post_types`" in problem


def test_a_type_that_the_site_no_longer_has_keeps_its_posts(
    site: WordPressServer, source: Source, fetch: Fetch
) -> None:
    site.types["kb"] = [post(70, site.url, kind="kb")]
    before = fetch()
    del site.types["kb"]

    assert fetch() == before
    assert "no longer" in " ".join(problems(source).values())


def test_an_interrupted_fetch_is_finished_by_the_next_one(site: WordPressServer, source: Source, fetch: Fetch) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, _known: int) -> None:
        if done >= 25:
            raise Killed

    with pytest.raises(Killed):
        wordpress.fetch(source, kill)

    assert fetch().keys() == links(site)


def test_progress_ends_with_all_known_posts_done(source: Source) -> None:
    seen: list[tuple[int, int]] = []

    wordpress.fetch(source, lambda done, known: seen.append((done, known)))

    assert seen[-1] == (60, 60)
    assert seen == sorted(seen)
    assert all(done <= known for done, known in seen)
