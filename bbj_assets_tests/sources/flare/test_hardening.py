"""Hostile files: every input ends in documents or a ParseError, in bounded time and memory."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbj_assets.errors import ParseError
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.sources.flare.project import Project, chunk_text, entry, snippet, toc, topic, variables

SAMPLES = {
    path.suffix: path.read_bytes()
    for path in sorted((SAMPLE_DATA / "flare").rglob("*.*"))
    if path.suffix in (".htm", ".flsnp", ".fltoc", ".flvar") and "Output" not in path.parts
}
INCLUDING = topic(
    '<MadCap:snippetBlock src="s.flsnp" /><p><MadCap:variable name="V.One" />[%=V.Two%]</p>'
    '<MadCap:xref href="other.htm" />'
)

PIECES = [
    *(b"<", b">", b"</p>", b"<p>", b"<table>", b"<td colspan='9999'>", b"<MadCap:snippetBlock src='s.flsnp'/>"),
    *(b"\0", b"\xff", b"\x0c", b"\xed\xa0\x80", b"&#0;", b"&#x1F600;", b"&amp"),
    *(b"[%=", b"%]", b"]]>", b"<![CDATA[", b"<!--", b"<!DOCTYPE x ["),
]
pieces = st.sampled_from(PIECES)


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Draw a file with some bytes replaced, removed or added."""
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(original)))
        end = min(len(original), start + draw(st.integers(0, 40)))
        original = original[:start] + draw(st.binary(max_size=8) | pieces) + original[end:]
    return original


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the folder of a project that all examples share."""
    return tmp_path_factory.mktemp("project")


def chunk_texts(project: Project, raw: bytes | str) -> list[str]:
    """Return the text of the chunks of each document of a topic; none after a ParseError."""
    with contextlib.suppress(ParseError):
        return [chunk_text(document) for document in project.documents(raw, "Content/x.htm")[0]]
    return []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.lists(pieces, max_size=30).map(b"".join) | mutated(SAMPLES[".htm"]))
def test_any_bytes_become_documents_or_a_parse_error(folder: Path, raw: bytes) -> None:
    for text in chunk_texts(Project(folder), raw):
        assert "\0" not in text
        text.encode()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=100) | mutated(SAMPLES[".flsnp"]),
    st.binary(max_size=100) | mutated(SAMPLES[".fltoc"]),
    st.binary(max_size=100) | mutated(SAMPLES[".flvar"]),
)
def test_a_topic_is_a_document_in_any_project(folder: Path, one: bytes, two: bytes, three: bytes) -> None:
    project = Project(folder)
    project.write({"Content/s.flsnp": one, "Project/TOCs/T.fltoc": two, "Project/VariableSets/V.flvar": three})

    [text] = chunk_texts(project, INCLUDING)
    assert text.startswith("Topic")


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "raw",
    [
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><html><body><p>a &l9;</p></body></html>',
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><html><body><p title="&l9;">a</p></body></html>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><html><body><p>a &f;</p></body></html>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><html><body><p>a</p></body></html>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]><html><body><p>a</p></body></html>',
        '<html xmlns:i="http://www.w3.org/2001/XInclude"><body><p>a</p><i:include href="/etc/hostname"/></body></html>',
    ],
)  # fmt: skip
def test_no_entity_is_expanded_and_no_external_file_is_read(project: Project, raw: str) -> None:
    page = project.page(raw)

    assert page.content.startswith("a")
    assert len(page.content) < 100
    assert "hahaha" not in page.content
    assert Path("/etc/hostname").read_text().strip() not in page.content


def test_deep_nesting_loses_no_text(project: Project) -> None:
    for tag in ("div", "span", "ul><li", "table><tr><td", "MadCap:dropDownBody"):
        end = "".join(f"</{name}>" for name in reversed(tag.split("><")))
        page = project.page(topic(f"<{tag}>" * 5_000 + "deep" + end * 5_000 + "<p>after</p>"))

        assert re.findall("deep|after", page.content) == ["deep", "after"]


WIDE_COLUMN = '<col MadCap:conditions="A.NotImplemented" span="999" />'
WIDE_CELL = '<td colspan="999">x</td>'


def test_a_long_line_is_read_in_linear_time(project: Project) -> None:
    project.write({"Project/VariableSets/V.flvar": variables(One="1")})
    bodies = [
        "x" * 1_000_000,
        '<MadCap:keyword term="k" />a ' * 40_000,
        '<MadCap:variable name="V.One" />' * 40_000,
        '<MadCap:variable name="V.None" />' * 20_000,
        "[%=" * 300_000,
        "<p>" * 20_000,
        '<p class="Code">x</p>' * 20_000,
        "<p MadCap:conditions='A.NotImplemented'>x</p>y" * 20_000,
        '<ol MadCap:continue="true"><li>x</li></ol>' * 5_000,
        "&" * 500_000,
        "<![CDATA[x]]>" * 50_000,
        "<MadCap:x a='" * 50_000,
        f"<table>{WIDE_COLUMN * 100}<tr>{WIDE_CELL * 2_000}</tr></table>",
    ]  # fmt: skip

    assert [len(chunk_texts(project, topic(body))) for body in bodies] == [1] * len(bodies)


def test_multiplying_variables_are_cut_or_rejected(project: Project) -> None:
    chain = {f"V{number}": f"[%=V.V{number + 1}%]" * 10 for number in range(20)}
    project.write({"Project/VariableSets/V.flvar": variables(**chain, V20="x" * 1000)})

    assert len(project.content('<p><MadCap:variable name="V.V0" /></p>')) <= 10_000
    with pytest.raises(ParseError, match="MB"):
        project.page(topic("<p>[%=V.V0%]</p>" * 5_000))


def test_tables_of_contents_that_link_to_each_other_terminate(project: Project) -> None:
    links = "".join(entry(f"/Project/TOCs/T{number}.fltoc", title=f"To {number}") for number in range(20))
    project.write({f"Project/TOCs/T{number}.fltoc": toc(links + entry("/Content/x.htm")) for number in range(20)})

    assert "To 1" in project.page(topic("<p>x</p>"), "Content/x.htm").section_path


def test_a_deep_table_of_contents_is_read(project: Project) -> None:
    depth = 200
    project.write(
        {"Project/TOCs/T.fltoc": toc("<TocEntry Title='x'>" * depth + entry("/Content/x.htm") + "</TocEntry>" * depth)}
    )

    assert len(project.page(topic("<p>a</p>"), "Content/x.htm").section_path) <= depth


@pytest.mark.parametrize(
    "name", ['it\'s 100% "new" #1.htm', "größe & maß.htm", "a;b=c,d.htm", "[%=V.One%].htm", "x" * 200 + ".htm"]
)
def test_a_topic_may_have_any_file_name(project: Project, name: str) -> None:
    project.write({f"Content/a b/{name}": topic("<p>a</p>", title=""), "Content/s.flsnp": snippet("<p>x</p>")})

    page = project.stored(f"Content/a b/{name}")

    assert page.content == "a"
    assert page.section_path == ("a b",)
    assert page.title
