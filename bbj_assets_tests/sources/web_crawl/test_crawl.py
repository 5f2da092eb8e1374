import gc
import gzip
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.sources import web_crawl
from bbj_assets.web import client
from bbj_assets.web.responses import Response
from bbj_assets_tests.fakes.site_server import Answer, SiteServer, redirect, refusal
from bbj_assets_tests.sources.web_crawl.help_site import (
    FOLDER,
    TOPICS,
    documents,
    items,
    pages,
    path_of,
    publish,
    put_topic,
    sitemap,
    source,
    text_of,
    topic,
    url_of,
)

CLOCK_TOLERANCE = 0.25


def publish_pages(site: SiteServer, *links: str, **pages: str | Answer) -> None:
    """Publish a start page with links, and other pages below FOLDER."""
    site.put(f"{FOLDER}index.htm", topic("Start", "The start.", links))
    for name, page in pages.items():
        site.put(f"{FOLDER}{name}.htm", page)


def test_a_help_of_300_topics_with_every_kind_of_fault(
    site: SiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site)
    monkeypatch.setattr(client, "REQUEST_TIMEOUT", 2.0)
    crawled = source(site, tmp_path)
    odd: dict[str, str | Answer] = {
        "circle": redirect("circle2.htm"),
        "circle2": redirect("circle.htm"),
        "away": redirect("https://elsewhere.test/page.htm"),
        "up": redirect("/BASISHelp/other.htm", 302),
        "broken": refusal(500),
        "slow": Answer(b"slow", delay=30),
        "huge": Answer(b"<p>x</p>" * 2**17, repeats=50),
        "stub": '<html><head><meta http-equiv="refresh" content="0; url=commands/topic15.htm"></head></html>',
        "frames": '<html><frameset cols="*"><frame src="framed.htm"></frameset></html>',
        "framed": topic("Framed", "In a frame."),
        "image": Answer(b"\x89PNG", content_type="image/png"),
        "secret": topic("Secret", "Not for robots."),
    }
    outside = (
        "https://elsewhere.test/",
        "/BASISHelp/other.htm",
        "/",
        "logo.png",
        "mailto:a@b.test",
        "//elsewhere.test/x",
    )
    publish_pages(site, path_of(1), *(f"{name}.htm" for name in odd), *outside, **odd)
    site.put("/robots.txt", f"User-agent: *\nDisallow: {FOLDER}secret\nSitemap: {site.url}{FOLDER}sitemap.xml\n")
    site.fail_next(path_of(7), refusal(500), refusal(503))
    site.fail_next(path_of(8), refusal(429, retry_after="1"))
    site.fail_next(path_of(9), Answer(b"cut off in the middle", breaks=True))

    web_crawl.fetch(crawled)

    found = items(crawled)
    assert {url for url, item in found.items() if item.problem} == {
        f"{site.url}{FOLDER}{name}.htm" for name in ("circle", "circle2", "broken", "slow", "huge")
    }
    expected = {url_of(site, number): text_of(number) for number in range(TOPICS)}
    read = documents(crawled)
    extra = pages(site, "index", "framed")
    assert read.keys() == expected.keys() | extra
    assert all(text in read[url].content for url, text in expected.items())
    assert Counter(item.partition for item in found.values() if item.key in expected) == dict.fromkeys(
        ("commands", "events", "grids", "sysadmin", "usr"), TOPICS // 5
    )
    assert all(path.startswith((FOLDER, "/robots.txt")) for path in site.paths())
    assert not {f"{FOLDER}secret.htm", f"{FOLDER}logo.png", "/BASISHelp/other.htm"} & set(site.paths())
    times = sorted(request.time for request in site.requests)
    for width in (100, len(times) - 1):
        shortest = min(late - early for early, late in zip(times, times[width:], strict=False))
        assert shortest >= width / crawled.requests_per_second - CLOCK_TOLERANCE
    assert site.most_at_once <= crawled.concurrency

    # A week later: two topics changed, one is deleted, two fail, one is new.
    site.clear_requests()
    put_topic(site, 20, "second")
    put_topic(site, 21, "second")
    del site.pages[path_of(30)]
    site.put(path_of(31), refusal(502))
    site.fail_next(path_of(32), *[Answer(b"x", breaks=True)] * 4)
    site.put(f"{FOLDER}slow.htm", topic("Slow", "No longer."))
    site.put(
        f"{FOLDER}index.htm", topic("Start", "The start.", (path_of(1), "new.htm", "slow.htm", "commands/topic15.htm"))
    )
    site.put(f"{FOLDER}new.htm", topic("New", "Brand new."))

    web_crawl.fetch(crawled)

    found = items(crawled)
    read = documents(crawled)
    assert url_of(site, 30) not in found
    for number in (31, 32):
        assert found[url_of(site, number)].problem
        assert text_of(number) in read[url_of(site, number)].content
    assert text_of(20, "second") in read[url_of(site, 20)].content
    assert read.keys() >= (expected.keys() - {url_of(site, 30)}) | {
        f"{site.url}{FOLDER}{n}.htm" for n in ("new", "slow")
    }
    bodies = {request.path for request in site.requests if request.status == 200}
    assert bodies == {
        "/robots.txt",
        *(f"{FOLDER}{name}" for name in ("sitemap.xml", "index.htm", "new.htm", "slow.htm")),
        *(path_of(number) for number in (20, 21)),
    } | {path_of(32)}  # which broke off
    assert site.counts()[304] == TOPICS - 5


def test_a_complete_crawl_removes_pages_without_links_to_them(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "a.htm", "b.htm", a=topic("A", "a"), b=topic("B", "b"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    publish_pages(site, "a.htm", "bad.htm", bad=refusal(500))
    web_crawl.fetch(crawled)
    assert f"{site.url}{FOLDER}b.htm" in items(crawled)  # it may be linked from the page that failed
    publish_pages(site, "a.htm")
    web_crawl.fetch(crawled)
    assert items(crawled).keys() == pages(site, "index", "a")


def test_a_killed_crawl_is_resumed(site: SiteServer, tmp_path: Path) -> None:
    publish(site, 80)
    crawled = source(site, tmp_path)
    script = (
        "from pathlib import Path; from bbj_assets.source import Source; from bbj_assets.sources import web_crawl\n"
        f"web_crawl.fetch(Source('web-crawl', 'web-crawl', url={crawled.url!r}, mirror=Path({str(crawled.mirror)!r}),"
        " requests_per_second=400, concurrency=4))"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        while len(site.requests) < 40:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    before = len(site.requests)
    with pytest.raises(ListingError, match="never crawled to the end"):
        items(crawled)
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == {url_of(site, number) for number in range(80)} | {crawled.url}
    again = [path for path, times in Counter(site.paths()).items() if times > 1]
    assert before < 80
    assert len(again) <= 1 + crawled.concurrency + 1  # robots.txt, the pages in flight, one late response


def test_a_crawl_is_resumed_after_the_site_failed(
    site: SiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRIES", 0)
    names = [f"p{number}" for number in range(40)]
    publish_pages(site, *(f"{name}.htm" for name in names), **{name: topic(name, name) for name in names})
    for name in names[20:]:
        site.fail_next(f"{FOLDER}{name}.htm", refusal(503))
    crawled = source(site, tmp_path)
    with pytest.raises(ListingError, match="in a row"):
        web_crawl.fetch(crawled)
    site.faults.clear()
    site.clear_requests()
    web_crawl.fetch(crawled)
    assert f"{FOLDER}p5.htm" not in site.paths()
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == pages(site, "index", *names)
    assert not any(item.problem for item in items(crawled).values())


def test_fetches_that_fail_together_leave_no_error_without_a_reader(
    site: SiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    get = client.SiteClient.get

    async def fail(self: client.SiteClient, url: str, **options: Any) -> Response:
        if url.endswith(("robots.txt", "index.htm")):
            return await get(self, url, **options)
        raise ListingError("the site is down")

    publish_pages(site, "a.htm", "b.htm")
    monkeypatch.setattr(client.SiteClient, "get", fail)
    with pytest.raises(ListingError, match="the site is down"):
        web_crawl.fetch(source(site, tmp_path))  # the linked pages fail at once
    gc.collect()  # asyncio reports an exception that was never retrieved when the task is collected

    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_links_of_the_stored_page_are_followed_when_the_page_fails(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "a.htm", a=topic("A", "a", ("b.htm",)), b=topic("B", "first"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    publish_pages(site, "a.htm", a=refusal(500), b=topic("B", "second"))
    web_crawl.fetch(crawled)
    assert "second" in documents(crawled)[f"{site.url}{FOLDER}b.htm"].content


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (refusal(404), "no such page"),
        (refusal(500), "500"),
        (redirect("https://elsewhere.test/"), "outside of the site"),
        (Answer(b"%PDF", content_type="application/pdf"), "application/pdf"),
    ],
)
def test_a_failing_start_url_changes_nothing(site: SiteServer, tmp_path: Path, start: Answer, reason: str) -> None:
    publish_pages(site, "a.htm", a=topic("A", "a"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    before = documents(crawled)
    site.put(f"{FOLDER}index.htm", start)
    with pytest.raises(ListingError, match=reason):
        web_crawl.fetch(crawled)
    assert documents(crawled) == before


@pytest.mark.parametrize(
    "robots", [refusal(500), Answer(b"x", breaks=True), f"User-agent: bbj-assets\nDisallow: {FOLDER}"]
)
def test_without_permission_of_robots_txt_nothing_is_fetched_or_changed(
    site: SiteServer, tmp_path: Path, robots: Answer | str
) -> None:
    publish_pages(site, "a.htm", a=topic("A", "a"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    before = documents(crawled)
    site.clear_requests()
    site.put("/robots.txt", robots)
    with pytest.raises(ListingError, match=r"robots\.txt"):
        web_crawl.fetch(crawled)
    assert set(site.paths()) == {"/robots.txt"}
    assert documents(crawled) == before


def test_a_site_that_was_never_crawled_cannot_be_listed(site: SiteServer, tmp_path: Path) -> None:
    with pytest.raises(ListingError, match="never crawled"):
        items(source(site, tmp_path))


def test_a_page_under_several_urls_is_listed_once(site: SiteServer, tmp_path: Path) -> None:
    page = topic("Copy", "One text.")
    named = topic("Named", "Another text.", head=f'<link rel="canonical" href="{FOLDER}named.htm">')
    publish_pages(
        site, "copy/", "copy/index.htm", "copy/index.htm?v=1", "copy/?Highlight=x", "alias.htm", "COPY/", alias=named
    )
    for path in ("copy/", "copy/index.htm", "copy/index.htm?v=1", "COPY/"):
        site.put(FOLDER + path, page)
    site.put(f"{FOLDER}named.htm", named)
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == {f"{site.url}{FOLDER}{name}" for name in ("index.htm", "copy/", "named.htm")}


def test_a_canonical_link_to_a_different_text_hides_no_page(site: SiteServer, tmp_path: Path) -> None:
    wrong = f'<link rel="canonical" href="{FOLDER}index.htm">'
    publish_pages(site, "a.htm", "b.htm", a=topic("A", "a", head=wrong), b=topic("B", "b", head=wrong))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    assert len(documents(crawled)) == 3


def test_a_page_that_moved_permanently_is_replaced(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "old.htm", old=topic("T", "text"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    publish_pages(site, "old.htm", old=redirect("new.htm"), new=topic("T", "text"))
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == pages(site, "index", "new")
    site.clear_requests()
    web_crawl.fetch(crawled)
    assert site.counts()[304] == 2  # the redirected page too


@pytest.mark.parametrize("to", ["maintenance.htm", "https://elsewhere.test/login"])
def test_a_page_that_redirects_temporarily_stays(site: SiteServer, tmp_path: Path, to: str) -> None:
    publish_pages(site, "a.htm", a=topic("A", "a"), maintenance=topic("Maintenance", "Back soon."))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    site.put(f"{FOLDER}a.htm", redirect(to, 302))
    web_crawl.fetch(crawled)
    kept = items(crawled)[f"{site.url}{FOLDER}a.htm"]
    assert kept.problem
    assert documents(crawled)[kept.key].content


def test_excluded_pages_are_not_fetched(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "a.htm", "old/b.htm", a=topic("A", "a"))
    site.put(f"{FOLDER}old/b.htm", topic("B", "b"))
    crawled = source(site, tmp_path, exclude=("old/**",))
    web_crawl.fetch(crawled)
    assert f"{FOLDER}old/b.htm" not in site.paths()
    assert len(documents(crawled)) == 2


def test_sitemaps_of_every_kind_are_read(site: SiteServer, tmp_path: Path) -> None:
    names = ("plain", "zipped", "nested")
    publish_pages(site, **{name: topic(name, name) for name in names})
    loc = {name: f"<url><loc>{site.url}{FOLDER}{name}.htm</loc></url>" for name in names}
    entries = "".join(
        f"<sitemap><loc>{site.url}/{name}</loc></sitemap>" for name in ("a.xml", "b.xml.gz", "c.xml", "404")
    )
    site.put("/list", Answer(f"<sitemapindex>{entries}</sitemapindex>".encode(), content_type="application/xml"))
    site.put("/a.xml", sitemap(loc["plain"]))
    site.pages["/a.xml"] = Answer(site.pages["/a.xml"].body, content_type="text/xml")
    site.put("/b.xml.gz", Answer(gzip.compress(sitemap(loc["zipped"]).encode()), content_type="application/gzip"))
    nested = f"<sitemapindex><sitemap><loc>{site.url}/d.xml</loc></sitemap></sitemapindex>"
    site.put("/c.xml", Answer(nested.encode(), content_type="text/xml"))
    site.put("/d.xml", Answer(sitemap(loc["nested"]).encode(), content_type="text/xml"))
    site.put("/robots.txt", f"Sitemap: {site.url}/list\n")
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == {f"{site.url}{FOLDER}{name}.htm" for name in ("index", *names)}


def test_a_failing_sitemap_makes_the_crawl_incomplete(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, a=topic("A", "a"))
    body = sitemap(f"<url><loc>{site.url}{FOLDER}a.htm</loc></url>").encode()
    site.put("/sitemap.xml", Answer(body, content_type="text/xml"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    site.put("/sitemap.xml", refusal(500))
    web_crawl.fetch(crawled)
    assert f"{site.url}{FOLDER}a.htm" in items(crawled)
    assert items(crawled)[f"{site.url}/sitemap.xml"].problem
    site.put("/sitemap.xml", Answer(body, content_type="text/xml"))
    web_crawl.fetch(crawled)
    assert items(crawled).keys() == pages(site, "index", "a")


def test_topics_of_flares_toc_are_found(site: SiteServer, tmp_path: Path) -> None:
    files = {
        "index.htm": '<html data-mc-runtime-file-type="Default"><body><script src="x.js"></script></body></html>',
        "Data/HelpSystem.xml": '<WebHelpSystem DefaultUrl="a.htm" Toc="Data/Tocs/Master.js" Index="Data/I.js"/>',
        "Data/Tocs/Master.js": "define({numchunks:2,prefix:'Master_Chunk',tree:{n:[{i:0,c:0}]}});",
        "Data/Tocs/Master_Chunk0.js": "define({'/Content/a.htm':{i:[0],t:['A'],b:['']},'___':{i:[1]}});",
        "Data/Tocs/Master_Chunk1.js": """define({"/Content/usr/it's b.htm":{i:[2],t:["B"],b:[""]}});""",
        "Content/a.htm": topic("A", "a"),
        "Content/usr/it's%20b.htm": topic("B", "b"),
    }
    types = {".js": "application/javascript", ".xml": "text/xml", ".htm": "text/html"}
    for path, text in files.items():
        site.put(FOLDER + path, Answer(text.encode(), content_type=types[Path(path).suffix]))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    base = f"{site.url}{FOLDER}Content"
    assert documents(crawled).keys() == {f"{base}/a.htm", f"{base}/usr/it's%20b.htm"}
    assert items(crawled)[f"{base}/usr/it's%20b.htm"].partition == "usr"


def test_topics_of_flares_older_toc_are_found(site: SiteServer, tmp_path: Path) -> None:
    start = '<html xmlns:MadCap="x" MadCap:RuntimeFileType="Default" MadCap:PathToHelpSystem="./"><frameset/></html>'
    site.put(f"{FOLDER}index.htm", start)
    toc = '<CatapultToc><TocEntry Title="A"><TocEntry Title="B" Link="/Content/R&amp;D.htm" /></TocEntry></CatapultToc>'
    for path, text in {"HelpSystem": '<WebHelpSystem Toc="Data/Toc.xml" Index="Data/Index.xml" />', "Toc": toc}.items():
        site.put(f"{FOLDER}Data/{path}.xml", Answer(text.encode(), content_type="text/xml"))
    site.put(f"{FOLDER}Content/R&D.htm", topic("R&amp;D", "text"))
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    assert documents(crawled).keys() == {f"{site.url}{FOLDER}Content/R&D.htm"}


def test_a_site_with_too_many_urls_is_an_error(
    site: SiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbj_assets.sources.web_crawl.crawl.MAX_URLS", 50)
    publish_pages(site, *(f"calendar.htm?day={day}" for day in range(100)))
    with pytest.raises(ListingError, match="exclude"):
        web_crawl.fetch(source(site, tmp_path))


def test_the_charset_of_the_header_takes_precedence(site: SiteServer, tmp_path: Path) -> None:
    page = "<title>Größe</title><p>Größe</p>"
    publish_pages(site, "a.htm", "b.htm")
    site.put(f"{FOLDER}a.htm", Answer(page.encode("cp1252"), content_type="text/html; charset=windows-1252"))
    site.put(
        f"{FOLDER}b.htm", Answer(f"<meta charset=latin-1>{page}".encode(), content_type="text/html; charset=utf-8")
    )
    crawled = source(site, tmp_path)
    web_crawl.fetch(crawled)
    read = documents(crawled)
    assert {read[f"{site.url}{FOLDER}{name}.htm"].content for name in "ab"} == {"Größe"}


def test_progress_reports_done_and_known_urls(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "a.htm", "b.htm", a=topic("A", "a"), b=topic("B", "b"))
    reported: list[tuple[int, int]] = []
    web_crawl.fetch(source(site, tmp_path), lambda done, known: reported.append((done, known)))
    assert reported[-1][0] == reported[-1][1] >= 3
    assert reported == sorted(reported)


def test_another_url_of_the_source_replaces_the_old_site(site: SiteServer, tmp_path: Path) -> None:
    publish_pages(site, "a.htm", a=topic("A", "a"))
    web_crawl.fetch(source(site, tmp_path))
    with SiteServer() as other:
        publish_pages(other, "b.htm", b=topic("B", "b"))
        moved = source(other, tmp_path)
        web_crawl.fetch(moved)
        assert documents(moved).keys() == pages(other, "index", "b")
