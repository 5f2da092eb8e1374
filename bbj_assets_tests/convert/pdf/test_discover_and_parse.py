"""The PDF parser through the interface that the ingest uses."""

from pathlib import Path

from bbj_assets.convert import pdf as convert
from bbj_assets.documents import Item
from bbj_assets.source import Source
from bbj_assets.sources import pdf
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.registry import PARSERS
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.convert.pdf.manuals import FILLER, prose
from bbj_assets_tests.convert.pdf.pdf_writer import PdfWriter


def source_at(root: Path) -> Source:
    return Source(name="pdf", parser="pdf", roots=(root,))


def test_every_pdf_is_an_item_and_a_partition(tmp_path: Path) -> None:
    for path in ("b.pdf", "a/Guide, 2nd.PDF", "a/notes.txt", ".hidden.pdf"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"")

    items = list(PARSERS["pdf"].load().discover(source_at(tmp_path)))

    assert [(item.key, item.partition, item.path) for item in items] == [
        ("pdf://a/Guide, 2nd.PDF", "a/Guide_ 2nd.PDF", "a/Guide, 2nd.PDF"),
        ("pdf://b.pdf", "b.pdf", "b.pdf"),
    ]


def test_the_source_url_of_a_document_begins_with_the_key_of_its_file(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.page(prose(FILLER))
    item = Item("pdf://a/guide.pdf", "a/guide.pdf", tmp_path, "a/guide.pdf")

    [document] = pdf.parse(source_at(tmp_path), item, writer.build(), SourceFiles(tmp_path))

    assert (document.source_url, document.title, document.content) == ("pdf://a/guide.pdf", "guide", FILLER)


def test_the_caller_chooses_the_url_of_the_documents() -> None:
    raw = (SAMPLE_DATA / "web/wordpress-advantage/articles/keyed-files.pdf").read_bytes()

    documents = convert.documents(raw, name="keyed-files.pdf", url="https://sample.example/articles/keyed-files.pdf")

    *_, article = documents
    assert article.source_url == "https://sample.example/articles/keyed-files.pdf#keyed-files-in-one-page"
    assert article.content.startswith("A key is a part of the record")


def test_the_sample_guide_keeps_its_sections_and_its_code() -> None:
    raw = (SAMPLE_DATA / "pdf" / "bbj-starter-guide.pdf").read_bytes()

    documents = {
        d.title: d for d in convert.documents(raw, name="bbj-starter-guide.pdf", url="pdf://bbj-starter-guide.pdf")
    }

    assert documents["A trap to copy"].section_path == (
        "A Starter Guide to BBj",
        "Programs",
        "Finding errors",
        "Error traps",
    )
    assert documents["A trap to copy"].content.endswith(
        "```\n"
        "trap:\n"
        "    seterr 0\n"
        "    log = unt\n"
        '    open (log, err=menu)"errors.log"\n'
        '    write (log, end=menu)date(0), " ", err, " ", tcb(5)\n'
        "    close (log)\n"
        "    goto menu\n"
        "```"
    )
    assert documents["Running a program"].content == (
        "Type bbj and the name of the program. Everything after a single minus sign is given to the program, which "
        "counts its arguments with ARGC and reads them with ARGV. A browser client starts a program by the name under "
        "which it is registered as an application."
    )
