"""Malformed files: read as a browser reads them, or rejected with the reason."""

import pytest

from bbj_assets.errors import ParseError
from bbj_assets_tests.sources.flare.project import Project, snippet, topic, variables, warnings


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("<p>a &nbsp;b & c</p>", "a b & c"),
        ("<p>a<p>b<table><tr><td>c<td>d</table>e", "a\n\nb\n\n| | |\n| --- | --- |\n| c | d |\n\ne"),
        ("<p>a <b>b <i>c</b> d</i></p>", "a **b c** d"),
        ('<p title="x" title="y">a</p>', "a"),
        ("<p>a</p></div></body></html><p>b</p>", "a\n\nb"),
        ("<p>a <MadCap:variable name='G.P' /> b & c</p>", "a BBj b & c"),
        ("<p>a & <MadCap:snippetText src='s.flsnp'/> b</p>", "a & inner b"),
        ("<h2>a & <MadCap:keyword term='a > b'>b</h2><p>c</p>", "## a & b\n\nc"),
        ("<p>a & <MadCap:keyword term='KEY' />b</p>", "a & b"),
        ("<MadCap:breadcrumbsProxy><p>a & b</p>", "a & b"),
        ("<p MadCap:conditions='P.NotImplemented'>HIT</p><p>a & b</p>", "a & b"),
        ("<p>a &</p><div/><p/>b<a name='x'/>c<br/>d", "a &\n\nbc  \nd"),
        ("<p>a &unknown; <undefined>b</undefined></p>", "a \\&unknown; b"),
        ("<p>a \x07& b\x00c</p>", "a & b c"),
        ("<unbound:x>a & b</unbound:x>", "a & b"),
        ('<p class="Code">a &#1; & b</p>', "```bbj\na  & b\n```"),
    ],
)
def test_malformed_xml_keeps_all_text_and_is_a_warning(project: Project, body: str, content: str) -> None:
    project.write(
        {"Project/VariableSets/G.flvar": variables(P="BBj"), "Content/s.flsnp": snippet("<p>inner</p>")}
    )  # fmt: skip
    page = project.page(topic(body), "Content/x.htm")

    assert page.content == content
    [warning] = warnings(page)
    assert warning.startswith("Content/x.htm: line ")
    assert warning.endswith("Read as HTML; correct it, for Flare may show less.")


def test_an_undeclared_madcap_prefix_is_understood(project: Project) -> None:
    project.write({"Project/VariableSets/G.flvar": variables(P="BBj")})
    page = project.page("<html><body><p>a <MadCap:variable name='G.P'/> b</p></body></html>")

    assert page.content == "a BBj b"
    assert len(warnings(page)) == 1


@pytest.mark.parametrize(
    ("encoded", "warned"),
    [
        ("\ufeff<p>größe</p>".encode(), False),
        ("<p>größe</p>".encode(), False),
        ("\ufeff<p>größe</p>".encode("utf-16-le"), False),
        ("\ufeff<p>größe</p>".encode("utf-16-be"), False),
        ('<?xml version="1.0" encoding="iso-8859-1"?><p>größe</p>'.encode("latin-1"), False),
        ("<p>größe</p>".encode("cp1252"), True),
        ('<?xml version="1.0" encoding="utf-8"?><p>größe</p>'.encode("cp1252"), True),
        ('<?xml version="1.0" encoding="nonsense"?><p>größe</p>'.encode("cp1252"), True),
        (b"\xef\xbb\xbf<p>gr\xc3\xb6\xc3\x9fe \xff</p>", True),
    ],
)
def test_every_encoding_is_read_and_an_unusual_one_is_a_warning(
    project: Project, encoded: bytes, *, warned: bool
) -> None:
    page = project.page(encoded)

    assert page.content.startswith("größe")
    assert bool(warnings(page)) is warned


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "is a PNG image"),
        (b"GIF89a....", "is a GIF image"),
        (b"\xff\xd8\xff\xe0....", "is a JPEG image"),
        (b"%PDF-1.7", "is a PDF"),
        (b"PK\x03\x04....", "is a ZIP archive"),
        (bytes(range(32)) * 20, "is no text"),
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\t", "is empty"),
    ],
)
def test_other_files_are_rejected_with_their_path_and_a_remedy(project: Project, raw: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason) as rejected:
        project.page(raw, "Content/a/x.htm")

    assert str(rejected.value).startswith("Content/a/x.htm: ")
    assert "exclude" in str(rejected.value) or "delete" in str(rejected.value)


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        ("just words", "just words"),
        ("<p>a</p>", "a"),
        ("<!DOCTYPE html>\n<html><head><title>T</title></head><body><p>a</p></body></html>", "a"),
        ('<html xmlns="http://www.w3.org/1999/xhtml"><body><table><tr><th>a</th><th>b</th></tr></table></body></html>',
         "| a | b |\n| --- | --- |"),
        ("<html><body><p>a<!-- NOTE --> b<?pi x?></p><p><![CDATA[c < d]]></p></body></html>", "a b\n\nc < d"),
        ("<html><body><pre><![CDATA[a\n  <td>\n b]]></pre></body></html>", "```bbj\na\n  <td>\n b\n```"),
    ],
)  # fmt: skip
def test_a_page_of_any_form_is_read(project: Project, raw: str, content: str) -> None:
    assert project.page(raw).content == content


def test_a_warning_names_the_line_of_the_file(project: Project) -> None:
    raw = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html\n[\n]>\n<html>\n<body>\n<p>a & b</p></body>'

    assert warnings(project.page(raw))[0].startswith("Content/topic.htm: line 7: ")
