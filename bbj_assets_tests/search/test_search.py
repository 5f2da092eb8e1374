"""The hits of a question: near in meaning, equal in words, within the filters."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql

from bbj_assets.search.hybrid import MARK_END, MARK_START
from bbj_assets.search.lexical import split_words
from bbj_assets.store.connection import Connection
from bbj_assets.store.vector_index import index_name
from bbj_assets_tests.search.conftest import DIMENSIONS, Index


def test_the_nearest_in_meaning_comes_first(index: Index) -> None:
    for angle in (40, 10, 70, 25):
        index.add(f"docs://{angle}", f"Text {angle}.", angle=angle)

    assert index.urls() == ["docs://10", "docs://25", "docs://40", "docs://70"]


def test_the_limit_is_kept(index: Index) -> None:
    for angle in (40, 10, 70, 25):
        index.add(f"docs://{angle}", f"Text {angle}.", angle=angle)

    assert index.urls(limit=2) == ["docs://10", "docs://25"]


def test_a_document_is_found_once_by_its_best_chunk(index: Index) -> None:
    index.add("docs://other", "Something else.", angle=10)
    index.add("docs://long", "About nothing.", "The zither, and again the zither.", "Something of a zither.", angle=20)

    hits = index.find("zither")

    assert [hit.source_url for hit in hits] == ["docs://long", "docs://other"]
    assert hits[0].content == "The zither, and again the zither."


def test_a_hit_has_the_fields_that_a_reader_needs(index: Index) -> None:
    index.add(
        "docs://html-view",
        "A page in a window.",
        angle=0,
        title="BBjHtmlView",
        header="Controls > BBjHtmlView",
        generations=("bbj_gui", "dwc"),
        display_url="https://docs.example/html-view",
    )

    [hit] = index.find("a page")

    assert (hit.title, hit.url, hit.source_url) == ("BBjHtmlView", "https://docs.example/html-view", "docs://html-view")
    assert hit.breadcrumb.startswith("Controls > BBjHtmlView")
    assert (hit.source, hit.doc_type, list(hit.generations)) == ("docs", "concept", ["bbj_gui", "dwc"])
    assert hit.content == "A page in a window."
    assert hit.score > 0


def test_a_page_without_an_address_shows_its_source_url(index: Index) -> None:
    index.add("docs://page", "Text.", angle=0)

    assert index.find()[0].url == "docs://page"


def test_a_deprecated_page_is_found_and_marked(index: Index) -> None:
    index.add("docs://old", "An old way.", angle=0, deprecated=True)
    index.add("docs://new", "A new way.", angle=10)

    assert {hit.source_url: hit.deprecated for hit in index.find("way")} == {"docs://old": True, "docs://new": False}


# --- words


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Set `window.title` before it is shown.", "title"),
        ("Set `window.title` before it is shown.", "window.title"),
        ("Write rec.customer.name$ to the file.", "customer"),
        ("The folder bui/dwc/themes has it.", "dwc"),
        ("Call `window!.executeScript(code$)` for that.", "executeScript"),
        ("Call `window!.executeScript(code$)` for that.", "executescript"),
        ("Import com.basis.bbj.proxies.BBjGrid first.", "BBjGrid"),
        ("Sorting is done by the grid.", "sorted grids"),
    ],
)
def test_words_are_found_within_names_and_paths(index: Index, text: str, question: str) -> None:
    index.add("docs://right", text)
    for number in range(3):
        index.add(f"docs://wrong-{number}", f"Nothing of it, page {number}.")
    index.settle()

    assert index.urls(question) == ["docs://right"]


def test_a_rare_word_beats_a_common_one(index: Index) -> None:
    for number in range(40):
        index.add(f"docs://common-{number:02}", f"Grid grid grid, and the grid again: {number}.")
    index.add("docs://rare", "One zither beside a grid.")
    index.add("docs://rare-too", "A zither.")
    index.settle()

    assert set(index.urls("zither grid", limit=2)) == {"docs://rare", "docs://rare-too"}


def test_all_the_words_in_a_text_beat_one_in_a_header(index: Index) -> None:
    """Packages and titles are full of common words: `com.basis.util.device` must not answer whatever names a device."""
    for number in range(40):
        index.add(f"docs://other-{number:02}", f"About something else: {number}.")
    index.add("docs://header", "Ports of the machine.", header="com basis util device > Ports")
    index.add("docs://text", "The latitude and the longitude of the device that the user holds.")
    index.settle()

    assert index.urls("latitude and longitude of the device")[0] == "docs://text"


def test_a_word_in_the_header_counts_more_than_one_in_the_text(index: Index) -> None:
    for number in range(40):
        index.add(f"docs://other-{number:02}", f"About something else: {number}.")
    index.add("docs://about", "It sorts rows, and more that is said here.", header="Controls > Zither")
    index.add("docs://mentions", "It sorts rows, unlike the zither over there.", header="Controls > Trumpet")
    index.settle()

    assert index.urls("zither")[0] == "docs://about"


def test_words_have_weights_before_the_first_analyze(index: Index) -> None:
    """A first search, before `search_index` has run."""
    index.add("docs://wrong", "Something else.", angle=50)
    index.add("docs://right", "One zither.", angle=60)

    assert index.urls("where is the zither")[0] == "docs://right"


# --- the excerpt


def test_the_excerpt_shows_the_words_of_the_question(index: Index) -> None:
    filler = " ".join(f"Sentence {number} says little." for number in range(80))
    index.add("docs://page", f"{filler} Here the zither is tuned. {filler}", angle=0)

    excerpt = index.find("tune the zither")[0].excerpt

    assert f"{MARK_START}zither{MARK_END} is {MARK_START}tuned{MARK_END}" in excerpt
    assert len(excerpt.split()) <= 60


def test_the_excerpt_marks_the_other_words_if_one_is_missing(index: Index) -> None:
    filler = " ".join(f"Sentence {number} says little." for number in range(80))
    index.add("docs://page", f"{filler} Here the zither is tuned. {filler}", angle=0)

    excerpt = index.find("tune my grandmother's zither")[0].excerpt

    assert f"{MARK_START}zither{MARK_END} is {MARK_START}tuned{MARK_END}" in excerpt


@pytest.mark.parametrize(
    ("text", "question", "marked"),
    [
        ("Set the title of it first.", "window.title", "title"),
        ("Set `window.title` first.", "window.title", "window.title"),
        ("The themes of a DWC app.", "bui/dwc/themes", "themes"),
        ("Set `window.title` first, then the title of a tab.", "window.title", "title"),
    ],
)
def test_the_excerpt_marks_the_words_of_a_dotted_name_or_a_path(
    index: Index, text: str, question: str, marked: str
) -> None:
    index.add("docs://page", text, angle=10)

    [hit] = index.find(question)

    assert f"{MARK_START}{marked}{MARK_END}" in hit.excerpt


@given(st.text(st.sampled_from("ab./ -_'"), max_size=20))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_words_of_a_question_are_split_as_those_of_the_texts(index: Index, text: str) -> None:
    """The rule is in `split_words` and in the definition of the column `search_vector`."""
    index.conn.execute("DELETE FROM documents")
    index.add("docs://page", text)
    query = sql.SQL(
        "SELECT search_vector, setweight(to_tsvector('english', {}), 'A') || to_tsvector('english', {}) FROM chunks"
    )
    words = query.format(split_words(sql.Identifier("context_header")), split_words(sql.Identifier("content")))

    [(stored, computed)] = index.conn.execute(words).fetchall()

    assert stored == computed


def test_an_excerpt_of_nothing_in_common_is_the_beginning(index: Index) -> None:
    index.add("docs://page", "The first words of a page. " * 30, angle=0)

    excerpt = index.find("zither")[0].excerpt

    assert excerpt.startswith("The first words")
    assert MARK_START not in excerpt


# --- filters


@pytest.fixture
def of_generations(index: Index) -> Index:
    index.add("docs://gui", "A zither for the desktop.", angle=10, generations=("bbj_gui",))
    index.add("docs://dwc", "A zither for the browser.", angle=20, generations=("dwc",))
    index.add("docs://both", "A zither for both.", angle=30, generations=("bbj_gui", "dwc"))
    index.add("docs://all", "A zither for everybody.", angle=40, generations=("all",))
    index.add("notes://unknown", "A zither of unknown age.", angle=50, generations=("untagged",))
    return index


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"docs://gui", "docs://dwc", "docs://both", "docs://all", "notes://unknown"}),
        ({"generation": "dwc"}, {"docs://dwc", "docs://both", "docs://all"}),
        ({"generation": "bbj_gui"}, {"docs://gui", "docs://both", "docs://all"}),
        ({"generation": "character"}, {"docs://all"}),
        ({"generation": "all"}, {"docs://all"}),
        ({"generation": "untagged"}, {"notes://unknown"}),
        ({"sources": ("notes",)}, {"notes://unknown"}),
        ({"sources": ("notes", "docs")}, {"docs://gui", "docs://dwc", "docs://both", "docs://all", "notes://unknown"}),
        ({"sources": ("notes",), "generation": "dwc"}, set()),
        ({"sources": ("nowhere",)}, set()),
        ({"sources": ("docs' OR 'a'='a",)}, set()),
        ({"generation": "dwc'); DROP TABLE chunks; --"}, {"docs://all"}),
    ],
)
def test_filters_hold_for_meaning_and_for_words(
    of_generations: Index, filters: dict[str, Any], expected: set[str]
) -> None:
    """A page of `all` passes every generation."""
    assert set(of_generations.urls("", **filters)) == expected
    assert set(of_generations.urls("zither", **filters)) == expected


@pytest.fixture
def crowded(index: Index) -> Index:
    """2,300 pages of one source that are nearer to the question than the three of another."""
    count = 2300
    rng = np.random.default_rng(7)
    vectors = rng.normal(scale=0.1, size=(count, DIMENSIONS)).astype(np.float32)
    vectors[:, 0] += 1
    conn = index.conn
    conn.execute(
        """
        INSERT INTO documents (source_url, item, source, partition_key, title, doc_type, generations, content_sha256,
                               code_version)
        SELECT 'crowd://' || n, 'crowd://' || n, 'crowd', 'section', 'Crowd', 'concept', '{bbj_gui}', '', ''
        FROM generate_series(1, %s) AS n
        """,
        [count],
    )
    conn.execute(
        """
        INSERT INTO chunks (source_url, ordinal, content, context_header, content_hash, token_count)
        SELECT 'crowd://' || n, 0, 'One of many.', 'Crowd', int4send(n), 3 FROM generate_series(1, %s) AS n
        """,
        [count],
    )
    with conn.cursor() as cursor, cursor.copy("COPY embeddings (model, content_hash, embedding) FROM STDIN") as copy:
        for number, vector in enumerate(vectors.tolist(), start=1):
            copy.write_row((index.model.name, number.to_bytes(4, "big"), str(vector)))
    for angle in (50, 60, 70):
        index.add(f"few://{angle}", f"Few of them: {angle}.", angle=angle, generations=("character",))
    index.settle()
    return index


def scans(conn: Connection, name: str) -> int:
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", [name]).fetchone()
    assert row is not None, f"there is no index {name}"
    return int(row[0])


def test_a_large_index_is_read_through_hnsw_and_a_narrow_filter_does_not_starve(crowded: Index) -> None:
    name = index_name(crowded.model)
    before = scans(crowded.conn, name)

    nearest = crowded.urls("", limit=20)

    assert scans(crowded.conn, name) == before + 1
    assert len(nearest) == 20
    assert crowded.urls("", sources=("few",)) == ["few://50", "few://60", "few://70"]
    assert crowded.urls("", generation="character") == ["few://50", "few://60", "few://70"]


def test_a_filter_does_not_starve_where_the_index_ends_its_scan_before_anything_passes(crowded: Index) -> None:
    crowded.conn.execute("SELECT '[1]'::vector")  # loads the extension, whose setting this is
    crowded.conn.execute("SET hnsw.max_scan_tuples = 100")

    assert crowded.urls("", sources=("few",)) == ["few://50", "few://60", "few://70"]


def test_the_last_words_of_a_long_question_count_too(index: Index) -> None:
    for number in range(40):
        index.add(f"docs://other-{number:02}", f"About something else: {number}.")
    index.add("docs://right", "One zither.")
    index.settle()

    asked = " ".join(f"a{chr(97 + number // 26)}{chr(97 + number % 26)}word" for number in range(60))

    assert index.urls(f"{asked} zither") == ["docs://right"]


def test_hnsw_finds_what_comparing_all_finds(crowded: Index) -> None:
    approximate = crowded.urls("", limit=20)

    crowded.conn.execute("SET enable_indexscan = off")
    exact = crowded.urls("", limit=20)

    assert len(set(approximate) & set(exact)) >= 18


# --- hostile questions


HOSTILE = [
    "", " ", "\n\t", "the", "the and of a", "?", "...", "'", "''", '"', '"unclosed', "&", "|", "!", "!!", "a & ! b",
    ":*", "grid:*", "grid:A", "a <-> b", "<->", "(", "()", "((", "a | ", "\\", "\\'", "c:\\temp\\x.txt", "%s",
    "%(a)s", "%", "$1", "$$", "'; DROP TABLE chunks; --", "grid') OR 1=1 --", "{}", "{a}", "\x01", "grid\0tree",
    "☃", "日本語", "é" * 300,
    "http://user:pw@host.example/p?q='a'&b=c#d", "/etc/pass'wd", "a'b.c'd/e'f", "word " * 2000,
]  # fmt: skip


def test_no_question_is_an_error(index: Index) -> None:
    """Meaning finds what words do not."""
    index.add("docs://grid", "A grid, O'Brien's, at c:\\temp and %s.", angle=10)
    index.add("docs://tree", "A tree.", angle=20)
    index.settle()

    found = {question: set(index.urls(question)) for question in HOSTILE}

    assert [question for question, urls in found.items() if urls != {"docs://grid", "docs://tree"}] == []


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example("'")
@example("a\\b")
def test_no_text_is_an_error(index: Index, question: str) -> None:
    if not index.urls():
        index.add("docs://grid", "A grid, O'Brien's.", angle=10)

    assert index.urls(question) == ["docs://grid"]


def test_the_order_is_the_same_each_time(index: Index) -> None:
    for number in range(30):
        index.add(f"docs://{number:02}", "The very same text, zither.", angle=45, header=f"Header {number % 2}")
    index.settle()

    first = index.urls("zither")

    assert len(first) == 30
    assert all(index.urls("zither") == first for _ in range(3))
    assert index.urls("zither", limit=7) == first[:7]


def test_an_empty_index_finds_nothing(index: Index) -> None:
    assert index.find("anything") == []
