"""The table sources.toml, and the errors for entries that cannot work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import load_settings
from bbj_assets.source_table import SourceTable, load_sources
from bbj_assets_tests.conftest import REPOSITORY

Table = Callable[[str], Path]

GOOD = """
[[sources]]
name = "course"
parser = "mdx"
paths = ["docs"]
"""


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A function that writes a sources.toml beside a folder `docs`."""
    (tmp_path / "docs").mkdir()

    def write(text: str) -> Path:
        file = tmp_path / "sources.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def load(file: Path, **overrides: object) -> SourceTable:
    return load_sources(load_settings(config=file, **overrides))


def problems_of(file: Path, **overrides: object) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(file, **overrides)
    return caught.value.problems


# The table of sources


def test_a_source_is_read_with_all_its_keys(table: Table, tmp_path: Path) -> None:
    config = load(
        table("""
        [[sources]]
        name = "mdx-dwc"
        parser = "mdx"
        paths = ["docs"]
        generation_tag = "dwc"
        display_url = "https://example.com/course/"
        description = "A course"
        exclude = ["drafts/**"]
        """)
    )

    (source,) = config.sources
    assert (source.name, source.group, source.parser) == ("mdx-dwc", "mdx_dwc", "mdx")
    assert source.roots == (tmp_path / "docs",)
    assert (source.generation_tag, source.description) == ("dwc", "A course")
    assert source.display_url == "https://example.com/course"
    assert source.exclude == ("drafts/**",)
    assert (config.file, config.data_dir, config.disabled) == (tmp_path / "sources.toml", tmp_path, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "colour = 1\n" + GOOD, ["unknown key 'colour'", "Known keys: data_dir, sources"], id="unknown key"
        ),
        pytest.param(
            GOOD + 'path = "docs"',
            ["source 'course'", "`path` unknown key", "Known keys:", "paths"],
            id="unknown key of a source",
        ),
        pytest.param(
            GOOD.replace('"mdx"', '"word"'),
            ["source 'course'", "unknown `parser` 'word'", "Known parsers:", "mdx"],
            id="unknown parser",
        ),
        pytest.param(GOOD + GOOD, ["source 'course'", "`name` is used 2 times", "its own name"], id="name used twice"),
        pytest.param(
            GOOD.replace('["docs"]', '["docs", "elsewhere"]'),
            ["source 'course'", "`paths`", "elsewhere does not exist", "DATA_DIR", "enabled = false"],
            id="a path that is not there",
        ),
        pytest.param(
            GOOD.replace('paths = ["docs"]', ""), ["source 'course'", "`paths` is missing", "data_dir"], id="no paths"
        ),
        pytest.param(GOOD.replace('parser = "mdx"', ""), ["source 'course'", "`parser` is missing"], id="no parser"),
        pytest.param(GOOD.replace('name = "course"', ""), ["source 'number 1'", "`name` is missing"], id="no name"),
        pytest.param(
            GOOD.replace('"course"', '"My Course"'),
            ["source 'My Course'", "`name`", "lower-case words joined by `-`"],
            id="a name that Dagster cannot take",
        ),
        pytest.param(
            GOOD.replace('["docs"]', '"docs"'), ["source 'course'", "`paths`", "list", "'docs'"], id="a text for a list"
        ),
        pytest.param(
            GOOD + 'enabled = "perhaps"', ["source 'course'", "`enabled`", "'perhaps'"], id="a text for a boolean"
        ),
        pytest.param(
            GOOD + 'generation_tag = "dos"',
            ["source 'course'", "`generation_tag`", "'dwc'", "'dos'"],
            id="an unknown generation",
        ),
        pytest.param(
            GOOD + 'display_url = "javascript:alert(1)"',
            ["source 'course'", "`display_url`", "'javascript:alert(1)'", "https:// or http://"],
            id="an address that no browser opens",
        ),
        pytest.param(
            GOOD.replace('["docs"]', '["${NOT_SET_ANYWHERE}/docs"]'),
            ["source 'course'", "NOT_SET_ANYWHERE is not set", "${NOT_SET_ANYWHERE}/docs"],
            id="an environment variable that is not set",
        ),
        pytest.param('sources = ["course"]', ["source 'number 1'", "[[sources]]"], id="a source that is no table"),
        pytest.param("[sources]\nname = 'course'", ["no sources", "[[sources]]"], id="one table instead of a list"),
        pytest.param("", ["no sources", "[[sources]]"], id="an empty file"),
        pytest.param("data_dir = 1\n" + GOOD, ["`data_dir` must be a text, not 1"], id="data_dir that is no text"),
        pytest.param("[[sources]\n", ["not valid TOML", "line 1"], id="no TOML"),
    ],
)
def test_a_mistake_is_one_problem_that_names_the_file_the_source_the_key_and_the_remedy(
    table: Table, text: str, words: list[str]
) -> None:
    file = table(text)

    (problem,) = problems_of(file)

    assert problem.startswith(f"{file}: ")
    assert [word for word in words if word not in problem] == []


def test_every_problem_is_reported_at_once(table: Table) -> None:
    problems = problems_of(
        table("""
        colour = "red"

        [[sources]]
        name = "first"
        parser = "mdx"
        paths = ["nowhere"]
        color = "blue"

        [[sources]]
        name = "second"
        parser = "word"
        paths = ["docs"]

        [[sources]]
        name = "Third"
        parser = "mdx"
        paths = ["docs", "gone"]
        """)
    )

    expected = ["'colour'", "`color`", "'first': `paths`", "'word'", "'Third' must be", "'Third': `paths`"]
    assert [next((p for p in problems if words in p), words) for words in expected] != expected
    assert sorted(next(words for words in expected if words in problem) for problem in problems) == sorted(expected)


WEB = """
[[sources]]
name = "site"
parser = "web-crawl"
url = "https://example.org/help/"
"""


@pytest.mark.parametrize(
    "url",
    [
        "example.org/help",
        "www.example.org",
        "//example.org/help",
        "/help",
        "ftp://example.org/help",
        "file:///help",
        "https://",
        "https:///help",
        "http://[::1/help",
        "http://example.org:port/help",
        "http://an example.org/",
        "${SITE:-nowhere}",
    ],
)
@pytest.mark.parametrize("parser", ["web-crawl", "wordpress"])
def test_a_url_that_is_no_address_of_a_website_is_refused(table: Table, parser: str, url: str) -> None:
    file = table(WEB.replace("web-crawl", parser).replace("https://example.org/help/", url))

    (problem,) = problems_of(file)

    assert problem.startswith(f"{file}: source 'site': `url` ")
    assert repr(url.removeprefix("${SITE:-").removesuffix("}")) in problem
    assert "not the address of a website" in problem
    assert "https://" in problem


_OF_FILES = ["flare", "pdf", "mdx", "javadoc", "bbj-source"]
_OF_THE_WEB = ["wordpress", "web-crawl"]
_KEYS = {
    'paths = ["docs"]': _OF_FILES,
    'url = "https://example.org/"': _OF_THE_WEB,
    "requests_per_second = 1": _OF_THE_WEB,
    "concurrency = 1": _OF_THE_WEB,
    'display_url = "https://example.org/"': ["flare", "mdx"],
    'exclude_conditions = ["Primary.Draft"]': ["flare"],
    'post_types = ["posts"]': ["wordpress"],
    'exclude = ["drafts/**"]': [*_OF_FILES, *_OF_THE_WEB],
    'generation_tag = "dwc"': [*_OF_FILES, *_OF_THE_WEB],
    'description = "Pages"': [*_OF_FILES, *_OF_THE_WEB],
}


@pytest.mark.parametrize("parser", [*_OF_FILES, *_OF_THE_WEB])
def test_a_key_that_means_nothing_to_the_parser_is_refused_with_those_that_know_it(table: Table, parser: str) -> None:
    needed = 'paths = ["docs"]' if parser in _OF_FILES else 'url = "https://example.org/"'
    understood = [line for line, parsers in _KEYS.items() if parser in parsers and line != needed]
    foreign = {line.partition(" ")[0]: parsers for line, parsers in _KEYS.items() if parser not in parsers}
    head = f'[[sources]]\nname = "one"\nparser = "{parser}"\n{needed}\n'

    load(table(head + "\n".join(understood)))
    file = table(head + "\n".join(line for line, parsers in _KEYS.items() if parser not in parsers))

    problems = problems_of(file)
    assert len(problems) == len(foreign)
    for (key, parsers), problem in zip(sorted(foreign.items()), sorted(problems), strict=True):
        assert problem.startswith(f"{file}: source 'one': `{key}` ")
        assert f"parser {parser!r}" in problem
        assert ", ".join(sorted(parsers)) in problem


def test_the_keys_that_are_proposed_are_those_of_the_parser(table: Table) -> None:
    (problem,) = problems_of(table(WEB + 'prefix = "help"'))

    assert "`prefix` unknown key. Known keys: name, parser, url, generation_tag, " in problem
    assert "paths" not in problem


@pytest.mark.parametrize(
    "shipped", ["sources.toml", "sample_data/web/sources.toml", "bbj_assets_tests/corpus_sources.toml"]
)
def test_the_tables_of_this_project_hold_with_every_source_enabled(table: Table, shipped: str) -> None:
    text = (REPOSITORY / shipped).read_text(encoding="utf-8").replace("enabled = false", "enabled = true")
    file = table(text.replace('data_dir = "sample_data"', ""))

    config = load_sources(load_settings(config=file), check_paths=False)

    assert len(config.sources) == text.count("\n[[sources]]")


def test_a_url_that_is_refused_is_shown_without_its_password(table: Table) -> None:
    (problem,) = problems_of(table(WEB.replace("https://", "ftp://anna:s3cret@")))

    assert "'ftp://example.org/help/'" in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("docs", "docs"),
        ("docs", "./docs"),
        ("docs", "docs/"),
        ("docs", "docs/guide/.."),
        ("docs", "link-to-docs"),
        ("docs", "${HERE}/docs"),
        ("docs/start.md", "docs/guide/../start.md"),
    ],
)
def test_a_path_that_is_written_twice_is_refused(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    monkeypatch.setenv("HERE", str(tmp_path))
    (tmp_path / "docs" / "guide").mkdir()
    (tmp_path / "docs" / "start.md").touch()
    (tmp_path / "link-to-docs").symlink_to("docs")
    file = table(GOOD.replace('["docs"]', f'["{first}", "{second}"]'))

    (problem,) = problems_of(file)

    assert problem.startswith(f"{file}: source 'course': `paths`: {first!r} and {second!r} are the same")
    assert "Take one of them out" in problem


@pytest.mark.parametrize("paths", [("docs", "docs/guide"), ("link/guide", "docs"), ("docs/guide/a.md", "docs")])
def test_a_path_whose_files_another_one_reads_too_is_refused(
    table: Table, tmp_path: Path, paths: tuple[str, str]
) -> None:
    page(tmp_path / "docs" / "guide" / "a.md")
    (tmp_path / "link").symlink_to("docs")
    inner, outer = sorted(paths, key=lambda path: path == "docs")
    file = table(GOOD.replace('["docs"]', f'["{paths[0]}", "{paths[1]}"]'))

    (problem,) = problems_of(file)

    assert problem.startswith(f"{file}: source 'course': `paths`: {inner!r} lies in {outer!r}")
    assert "guide/a.md would be read twice" in problem
    assert "exclude" in problem


@pytest.mark.parametrize(
    ("inner", "more"),
    [
        pytest.param("docs/versioned_docs/version-1", "", id="a folder that is read only when it is named"),
        pytest.param("docs/.hidden", "", id="a hidden folder"),
        pytest.param("docs/guide", 'exclude = ["guide/**"]', id="what the outer one leaves out"),
        pytest.param("docs-of-old", "", id="a name that begins with that of the other"),
    ],
)
def test_a_nested_path_is_accepted_where_no_file_is_read_twice(
    table: Table, tmp_path: Path, inner: str, more: str
) -> None:
    page(tmp_path / "docs" / "start.md")
    page(tmp_path / inner / "a.md")

    config = load(table(GOOD.replace('["docs"]', f'["docs", "{inner}"]') + more))

    assert config.sources[0].roots == (tmp_path / "docs", tmp_path / inner)


def page(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# A page", encoding="utf-8")


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "sources.toml")

    assert problem.startswith(f"{tmp_path / 'sources.toml'}: not found.")
    assert "--config" in problem


@pytest.mark.parametrize("content", [None, b"name = '\xff\xfe'"], ids=["a folder", "bytes that are no text"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "sources.toml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    (problem,) = problems_of(file)

    assert problem.startswith(f"{file}: cannot be read: ")


def test_a_file_that_an_editor_gave_a_byte_order_mark_is_read(table: Table) -> None:
    assert [source.name for source in load(table("\ufeff" + GOOD.lstrip())).sources] == ["course"]


def test_two_sources_whose_pages_would_get_the_same_urls_are_refused(table: Table) -> None:
    programs = "".join(f'[[sources]]\nname = "{name}"\nparser = "bbj-source"\npaths = ["docs"]\n' for name in "ab")
    (problem,) = problems_of(table(programs))
    assert "'bbj-source'" in problem
    assert "several `paths`" in problem
    load(table(programs + "enabled = false\n"))


def test_a_disabled_source_may_lack_its_paths_and_its_parser(table: Table) -> None:
    config = load(table(GOOD + '[[sources]]\nname = "later"\nparser = "word"\npaths = ["gone"]\nenabled = false'))

    assert [source.name for source in config.sources] == ["course"]
    assert config.disabled == ("later",)


def test_missing_paths_are_accepted_before_they_are_read(table: Table, tmp_path: Path) -> None:
    settings = load_settings(config=table(GOOD.replace('["docs"]', '["gone"]')))

    config = load_sources(settings, check_paths=False)

    assert config.sources[0].roots == (tmp_path / "gone",)


# Where the data is


def test_data_dir_of_the_table_is_relative_to_the_table(table: Table, tmp_path: Path) -> None:
    (tmp_path / "data" / "docs").mkdir(parents=True)

    config = load(table('data_dir = "data"\n' + GOOD))

    assert config.data_dir == tmp_path / "data"
    assert config.sources[0].roots == (tmp_path / "data" / "docs",)


def test_data_dir_comes_from_the_option_then_the_environment_then_the_table(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("of_table", "of_environment", "of_option"):
        (tmp_path / name / "docs").mkdir(parents=True)
    file = table('data_dir = "of_table"\n' + GOOD)
    seen = [load(file).data_dir.name]
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "of_environment"))
    seen.append(load(file).data_dir.name)
    seen.append(load(file, data_dir=tmp_path / "of_option").data_dir.name)

    assert seen == ["of_table", "of_environment", "of_option"]


@pytest.mark.parametrize(("origin", "remedy"), [("table", "`data_dir` in "), ("environment", "DATA_DIR or --data-dir")])
def test_a_missing_data_folder_is_one_problem_with_its_origin(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, remedy: str
) -> None:
    text = GOOD
    if origin == "table":
        text = 'data_dir = "gone"\n' + GOOD
    else:
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "gone"))

    (problem,) = problems_of(table(text))

    assert f"{tmp_path / 'gone'} does not exist" in problem
    assert remedy in problem


@pytest.mark.parametrize(
    ("written", "value", "folder"),
    [
        ("${PLACE}/docs", "/somewhere", "/somewhere/docs"),
        ("${PLACE:-/default}/docs", "/somewhere", "/somewhere/docs"),
        ("${PLACE:-/default}/docs", None, "/default/docs"),
        ("${PLACE:-/default}/docs", "", "/default/docs"),
        ("/a/${PLACE}/${PLACE}", "b", "/a/b/b"),
        ("/a/$PLACE", "b", "/a/$PLACE"),
    ],
)
def test_paths_take_names_of_the_environment_and_defaults(
    table: Table, monkeypatch: pytest.MonkeyPatch, written: str, value: str | None, folder: str
) -> None:
    if value is not None:
        monkeypatch.setenv("PLACE", value)
    settings = load_settings(config=table(GOOD.replace('["docs"]', f'["{written}"]')))

    assert load_sources(settings, check_paths=False).sources[0].roots == (Path(folder),)


# Choosing sources

SEVERAL = "".join(GOOD.replace("course", name) for name in ("one", "two", "three")) + GOOD.replace(
    "course", "off"
).replace("paths", "enabled = false\npaths")


@pytest.mark.parametrize(
    ("names", "selected"),
    [((), ["one", "two", "three"]), (("three", "one"), ["one", "three"]), (("two", "two"), ["two"])],
)
def test_sources_are_selected_in_the_order_of_the_file(
    table: Table, names: tuple[str, ...], selected: list[str]
) -> None:
    assert [source.name for source in load(table(SEVERAL)).select(names)] == selected


def test_selecting_unknown_or_disabled_sources_reports_each_name(table: Table) -> None:
    file = table(SEVERAL)

    with pytest.raises(ConfigurationError) as caught:
        load(file).select(("one", "four", "off"))

    unknown, disabled = caught.value.problems
    assert f"no source 'four' in {file}" in unknown
    assert "one, three, two" in unknown
    assert f"'off' is disabled in {file}" in disabled
    assert "enabled = true" in disabled


def test_unknown_names_are_reported_together_with_errors_of_the_table(table: Table) -> None:
    file = table(SEVERAL + 'colour = "red"\n' + GOOD.replace("course", "faulty").replace('"mdx"', "1"))

    with pytest.raises(ConfigurationError) as caught:
        load_sources(load_settings(config=file), wanted=("one", "four", "off", "faulty"))

    unknown_key, faulty, unknown, disabled = caught.value.problems
    assert "`colour`" in unknown_key
    assert "source 'faulty': `parser`" in faulty
    assert f"no source 'four' in {file}. Its sources: faulty, one, three, two." in unknown
    assert f"'off' is disabled in {file}" in disabled


def test_names_are_not_checked_against_a_table_without_sources(table: Table) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_sources(load_settings(config=table("")), wanted=("one",))

    (problem,) = caught.value.problems
    assert "no sources" in problem
