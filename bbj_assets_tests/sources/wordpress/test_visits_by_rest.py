"""Visits to a site whose REST API is open."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets_tests.fakes.wordpress_server import Fault, WordPressServer, kinds_of, post
from bbj_assets_tests.sources.wordpress.conftest import Visit, documents, problems, source_of


def links(site: WordPressServer) -> set[str]:
    return {str(one["link"]) for one in site.posts}


def edit(one: dict[str, object], text: str, modified: str = "2026-05-01T12:00:00") -> None:
    one["content"] = {"rendered": f"<p>{text}</p>", "protected": False}
    one["modified"] = one["modified_gmt"] = modified


def test_every_post_becomes_a_document_under_its_link(site: WordPressServer, visit: Visit) -> None:
    found = visit()

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


def test_a_post_belongs_to_the_year_of_its_date(source: Source, visit: Visit) -> None:
    visit()

    assert {item.partition for item in wordpress.discover(source)} == {"2019", "2020", "2021", "2022", "2023"}


def test_a_visit_that_finds_nothing_new_asks_for_lists_alone(site: WordPressServer, visit: Visit) -> None:
    first = visit()
    site.requests.clear()

    assert visit() == first
    assert kinds_of(site.requests) == {
        "/robots.txt": 1,
        "/magazine/": 1,
        "/wp-json/wp/v2/types": 1,
        "/wp-json/wp/v2/categories": 1,
        "/wp-json/wp/v2/posts": 2,
        "/wp-json/wp/v2/pages": 1,
    }
    assert len(site.asked("modified_after=2023-12-06T08:00:00Z")) == 1
    assert site.asked("content,excerpt") == site.asked("modified_after")


def test_a_changed_post_is_read_again_and_no_other(site: WordPressServer, visit: Visit) -> None:
    first = visit()
    edit(site.posts[4], "It was rewritten.")
    site.requests.clear()

    second = visit()

    assert second[site.posts[4]["link"]].content == "It was rewritten."
    assert {url for url in second if second[url] != first[url]} == {site.posts[4]["link"]}
    assert len(site.asked("include=")) == 0


def test_a_change_that_clocks_hide_is_found_by_the_list(site: WordPressServer, visit: Visit) -> None:
    visit()
    edit(site.posts[4], "It was restored from a backup.", modified="2019-02-01T00:00:00")

    assert visit()[site.posts[4]["link"]].content == "It was restored from a backup."
    assert len(site.asked("include=105")) == 1


def test_a_new_post_is_found(site: WordPressServer, visit: Visit) -> None:
    visit()
    site.posts.append(post(61, site.url))

    assert visit().keys() == links(site)


@pytest.mark.parametrize(
    "vanish",
    [
        pytest.param(lambda posts: posts.pop(6), id="deleted"),
        pytest.param(lambda posts: posts[6].update(status="draft"), id="made a draft"),
        pytest.param(lambda posts: posts[6].update(status="private"), id="made private"),
        pytest.param(lambda posts: posts[6].update(content={"rendered": "", "protected": True}), id="password"),
    ],
)
def test_a_post_that_nobody_may_read_any_more_goes(
    site: WordPressServer, visit: Visit, vanish: Callable[[list[dict[str, object]]], object]
) -> None:
    url = site.posts[6]["link"]
    assert url in visit()
    vanish(site.posts)

    second = visit()

    assert url not in second
    assert len(second) == 59


def test_a_post_that_got_another_link_is_known_by_that_alone(site: WordPressServer, visit: Visit) -> None:
    visit()
    old, new = site.posts[6]["link"], f"{site.url}/magazine/renamed/"
    site.posts[6] |= {"link": new, "modified": "2026-01-01T00:00:00", "modified_gmt": "2026-01-01T00:00:00"}

    second = visit()

    assert new in second
    assert old not in second
    assert len(second) == 60


def test_a_site_without_posts_has_no_documents(tmp_path: Path) -> None:
    with WordPressServer(posts=0) as site:
        source = source_of(site, tmp_path)
        wordpress.visit(source)

        assert documents(source) == {}
        assert problems(source) == {}


def test_posts_that_are_deleted_while_they_are_listed_take_no_other_along(tmp_path: Path) -> None:
    with WordPressServer(posts=250) as site:
        source = source_of(site, tmp_path)

        def delete_while_listing(target: str) -> None:
            if "page=2&" in target and "_fields=id,link" in target and len(site.posts) == 250:
                del site.posts[10:13]

        site.before = delete_while_listing
        wordpress.visit(source)

        assert documents(source).keys() == links(site)
        assert len(links(site)) == 247


def test_posts_that_a_shifted_list_lost_are_not_taken_for_gone(tmp_path: Path) -> None:
    with WordPressServer(posts=250) as site:
        source = source_of(site, tmp_path)
        wordpress.visit(source)
        site.behaviour.tells_totals = False  # so that nothing but the posts themselves shows it

        def delete_while_listing(target: str) -> None:
            if "page=2&" in target and "_fields=id,link" in target and len(site.posts) == 250:
                del site.posts[10:13]

        site.before = delete_while_listing
        wordpress.visit(source)
        del site.posts[20]
        wordpress.visit(source)

        assert documents(source).keys() == links(site)


@pytest.mark.parametrize("status", [500, 503, 429, 403])
def test_an_error_in_the_middle_of_a_list_deletes_nothing_and_is_told(tmp_path: Path, status: int) -> None:
    with WordPressServer(posts=150) as site:
        source = source_of(site, tmp_path)
        wordpress.visit(source)
        before = documents(source)
        del site.posts[:20]
        site.posts.append(post(151, site.url))
        edit(site.posts[0], "New.")
        site.fail("page=2&", Fault(status))

        wordpress.visit(source)

        after = documents(source)
        assert after.keys() >= before.keys()
        assert after[site.posts[0]["link"]].content == "New."
        assert after.keys() >= {site.posts[-1]["link"]}
        (problem,) = problems(source).values()
        assert "Nothing was deleted" in problem
        site.faults.clear()
        wordpress.visit(source)
        assert documents(source).keys() == links(site)
        assert problems(source) == {}


def test_an_answer_that_is_no_json_deletes_nothing(site: WordPressServer, source: Source, visit: Visit) -> None:
    before = visit()
    site.posts.clear()
    site.fail("v2/posts", Fault(200, b"<br /><b>Warning</b>: mysqli_connect() []", "application/json"))

    assert visit() == before
    assert "no JSON" in " ".join(problems(source).values())


def test_a_site_that_is_down_leaves_everything_as_it_was(site: WordPressServer, source: Source, visit: Visit) -> None:
    before = visit()
    site.fail("/", Fault(503))

    with pytest.raises(ListingError, match="503"):
        visit()

    assert documents(source) == before


def test_a_site_that_refuses_to_tell_changes_tells_them_by_its_list(site: WordPressServer, visit: Visit) -> None:
    visit()
    edit(site.posts[4], "It was rewritten.")
    site.fail("modified_after", Fault(400))

    assert visit()[site.posts[4]["link"]].content == "It was rewritten."


def test_an_api_that_fails_today_leaves_its_posts_as_they_were(
    site: WordPressServer, source: Source, visit: Visit
) -> None:
    before = visit()
    site.posts.clear()
    site.fail("/wp-json/", Fault(500))

    assert visit() == before
    (problem,) = problems(source).values()
    assert "500" in problem


def test_a_post_over_which_the_site_fails_stands_alone(site: WordPressServer, source: Source, visit: Visit) -> None:
    poison = site.posts[30]["id"]

    def fails(target: str) -> None:
        site.faults.clear()
        if "content,excerpt" in target and (f"{poison}" in target or "include=" not in target):
            site.fail(target)

    site.before = fails

    assert visit().keys() == links(site) - {site.posts[30]["link"]}
    assert problems(source) == {site.posts[30]["link"]: "the site answers 500 Internal Server Error."}


def test_an_error_that_passes_is_not_noticed(site: WordPressServer, source: Source, visit: Visit) -> None:
    site.fail("v2/posts", Fault(503, times=2))

    assert visit().keys() == links(site)
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
def test_an_api_that_knows_less_serves_as_well(tmp_path: Path, ignored: set[str], tells_totals: bool) -> None:
    with WordPressServer(posts=130) as site:
        site.behaviour.ignored = frozenset(ignored)
        site.behaviour.tells_totals = tells_totals
        source = source_of(site, tmp_path)
        wordpress.visit(source)
        assert documents(source).keys() == links(site)
        edit(site.posts[3], "New.")
        del site.posts[50]

        wordpress.visit(source)

        assert documents(source).keys() == links(site)
        assert documents(source)[site.posts[3]["link"]].content == "New."


def test_a_site_without_pretty_permalinks_has_its_api_behind_a_parameter(site: WordPressServer, visit: Visit) -> None:
    site.behaviour.rest = "plain"

    assert visit().keys() == links(site)
    assert len(site.asked("/?rest_route=/wp/v2/posts")) > 0
    assert site.asked("/wp-json/") == []


def test_without_a_list_of_types_posts_and_pages_are_read(site: WordPressServer, visit: Visit) -> None:
    site.behaviour.tells_types = False
    site.types["pages"] = [post(80, site.url)]

    assert visit().keys() == links(site) | {f"{site.url}/magazine/article-80/"}


def test_custom_types_are_read_and_what_is_no_article_is_not(site: WordPressServer, visit: Visit) -> None:
    site.types["epkb_post_type_1"] = [post(70, site.url, kind="epkb_post_type_1")]
    site.types["wp_navigation"] = [post(71, site.url)]

    found = visit()

    assert found.keys() == links(site) | {f"{site.url}/magazine/article-70/"}
    assert [route for route in kinds_of(site.requests) if "wp_" in route or "menu" in route or "attach" in route] == []


def test_the_types_that_the_configuration_names_are_read_alone(site: WordPressServer, source: Source) -> None:
    site.types["epkb_post_type_1"] = [post(70, site.url, folder="elsewhere", kind="epkb_post_type_1")]
    source = replace(source, post_types=("epkb_post_type_1",))

    wordpress.visit(source)

    assert documents(source).keys() == {f"{site.url}/elsewhere/article-70/"}


def test_a_type_that_the_configuration_names_and_the_site_lacks_is_told(source: Source) -> None:
    source = replace(source, post_types=("posts", "recipes"))

    wordpress.visit(source)

    assert len(documents(source)) == 60
    (problem,) = problems(source).values()
    assert "`post_types`" in problem


def test_a_type_that_the_site_no_longer_tells_of_keeps_its_posts(
    site: WordPressServer, source: Source, visit: Visit
) -> None:
    site.types["kb"] = [post(70, site.url, kind="kb")]
    before = visit()
    del site.types["kb"]

    assert visit() == before
    assert "no longer" in " ".join(problems(source).values())


def test_an_interrupted_visit_is_finished_by_the_next(site: WordPressServer, source: Source, visit: Visit) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, _known: int) -> None:
        if done >= 25:
            raise Killed

    with pytest.raises(Killed):
        wordpress.visit(source, kill)

    assert visit().keys() == links(site)


def test_progress_counts_up_to_all_that_is_known(source: Source) -> None:
    seen: list[tuple[int, int]] = []

    wordpress.visit(source, lambda done, known: seen.append((done, known)))

    assert seen[-1] == (60, 60)
    assert seen == sorted(seen)
    assert all(done <= known for done, known in seen)
