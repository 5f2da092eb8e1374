"""The parser of BBj programs: from bytes to a document."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.documents import Document, Item
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources import bbj_source
from bbj_assets.sources.files import SourceFiles

PROGRAM = """\
rem Lists the customers
use java.util.HashMap
open (unt,err=done)"CUSTOMER"

class public Customer
    field public BBjString Name$
    method public void print()
        print #Name$
    methodend
classend

def fnupper$(a$)=cvs(a$,4)

list:
    print fnupper$(name$)
return

done:
release
"""
SOURCE = Source("bbj-source", "bbj-source")


def parse(raw: bytes, path: str = "demo/lists/customers.bbj") -> Sequence[Document]:
    item = Item(key=f"file://{path}", partition="demo", root=Path(), path=path)
    return bbj_source.parse(SOURCE, item, raw, SourceFiles(Path()))


def test_a_file_is_one_document_with_its_folders_as_section_path() -> None:
    (document,) = parse(PROGRAM.encode())

    assert document == Document(
        source_url="file://demo/lists/customers.bbj",
        title="customers.bbj",
        content=PROGRAM.rstrip(),
        format="bbj",
        doc_type="example",
        section_path=("demo", "lists"),
        metadata={
            "classes": ["Customer"],
            "methods": ["print"],
            "functions": ["fnupper$"],
            "labels": ["list", "done"],
            "lines": 19,
            "line_numbered": False,
        },
    )


def test_files_with_a_suffix_of_programs_are_listed_in_order_with_their_top_folder(tmp_path: Path) -> None:
    for name in ("b.BBJ", "a/x.bbjt", "a/y.bbl", "a/z/v.src", "c.aon", "c.prc", "c.arc", "c.txt", "c.md", ".h/a.bbj"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    items = list(bbj_source.discover(Source("s", "bbj-source", roots=(tmp_path,))))

    assert [(item.key, item.partition) for item in items] == [
        ("file://a/x.bbjt", "a"),
        ("file://a/y.bbl", "a"),
        ("file://a/z/v.src", "a"),
        ("file://b.BBJ", "_root"),
        ("file://c.aon", "_root"),
        ("file://c.arc", "_root"),
        ("file://c.prc", "_root"),
        ("file://c.txt", "_root"),
    ]


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        ('print "größer €"'.encode(), 'print "größer €"'),
        ('print "größer €"'.encode("cp1252"), 'print "größer €"'),
        (b"\xef\xbb\xbfprint 1", "print 1"),
        ('\ufeffprint "ä"'.encode("utf-16-le"), 'print "ä"'),
        ('\ufeffprint "ä"'.encode("utf-16-be"), 'print "ä"'),
        (b"print 1\r\nprint 2\rprint 3\r\r\nprint 4\n", "print 1\nprint 2\nprint 3\nprint 4"),
        (b"rem " + b"x" * 100 + b"\0\nprint 1\n\x1a", "rem " + "x" * 100 + "\nprint 1"),
        (b"\n\n    print 1", "    print 1"),
        (b"print \x81", "print \ufffd"),
    ],
)
def test_the_encoding_of_a_program_is_detected(raw: bytes, content: str) -> None:
    assert [document.content for document in parse(raw)] == [content]


@pytest.mark.parametrize("magic", [b"<<bbj>>\x84\0\0\x1f", b"<<bbx>>\x04"])
def test_the_error_for_a_tokenized_program_names_the_converter(magic: bytes) -> None:
    with pytest.raises(ParseError, match=r"demo/lists/customers\.bbj is a tokenized program.*bbjlst customers\.bbj"):
        parse(magic + bytes(range(256)))


def test_binary_data_is_a_parse_error() -> None:
    with pytest.raises(ParseError, match=r"is not text: 26 of its 256 bytes are control characters"):
        parse(bytes(range(256)))


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"\x1a", b"\xef\xbb\xbf\n"])
def test_an_empty_file_has_no_document(raw: bytes) -> None:
    assert parse(raw) == ()


def test_a_line_numbered_program_keeps_its_numbers_and_is_marked_as_such() -> None:
    (document,) = parse(b"0010 rem Totals\n0020 def fnt(a)=a*2\n0030 start: print fnt(1)\n: ,2\n0040 end\n")

    assert document.content.startswith("0010 rem Totals\n0020 def")
    assert document.metadata["line_numbered"] is True
    assert (document.metadata["functions"], document.metadata["labels"]) == (["fnt"], ["start"])


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM,
        "0010 begin\n0020 print @(0,0),'CS'\n0030 input name$\n0040 gosub 1000\n0050 end\n",
        'REM a window\nOPEN (1)"X0"\nPRINT (1)\'WINDOW\'(10,10,20,20,"Hello",$$)\nPROCESS_EVENTS\n',
        'let a$="x"\nfor i=1 to 10\n  a$=a$+str(i)\nnext i\n',
        'window! = sysgui!.addWindow(1,2,3,4)\nwindow!.setCallback(1,"bye")\n',
    ],
)
def test_a_txt_file_that_is_a_program_is_a_document(text: str) -> None:
    assert len(parse(text.encode(), "notes/listing.TXT")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Open the file and read the record. If it is there, print it.\nReturn to the menu.\nEnd of the notes.\n",
        "Name: value\nNote: this file is read first.\nPrint: no\n",
        "rem only remarks\nrem and nothing else\n",
        "user = alice\nhost = example.org\nport = 80\n",
        "[section]\nmain = package.module:main\n",
        "copyright;W;C\nversion;X;I\n",
        f"# How to list customers\n\n```bbj\n{PROGRAM}```\n",
        "for line in lines:\n    print(line)\nx = 1\ndef double(x):\n    y = x\n    return y\nimport sys\n",
    ],
)
def test_a_txt_file_that_is_not_a_program_has_no_document(text: str) -> None:
    assert parse(text.encode(), "notes/readme.txt") == ()


def test_any_text_with_another_suffix_of_programs_is_a_document() -> None:
    assert len(parse(b"A line that says nothing.\n", "lib/copyright.aon")) == 1


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_parsed_or_a_parse_error(raw: bytes) -> None:
    try:
        documents = parse(raw)
    except ParseError:
        return
    for document in documents:
        assert document.content.strip()
        assert "\0" not in document.content
        assert "\r" not in document.content
