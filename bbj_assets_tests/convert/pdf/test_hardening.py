"""Damaged and hostile files give documents or a ParseError with a remedy: never a hang, never another exception."""

import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.documents import Item
from bbj_assets.errors import ParseError
from bbj_assets.ingest.parsing import ParseTask
from bbj_assets.ingest.workers import parse_in_processes
from bbj_assets.outcomes import Failure, ItemContent
from bbj_assets.source import ChunkSettings, Source
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.convert.pdf.manuals import FILLER, heading, prose, read
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, PdfWriter, assemble, column

CATALOG = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F 6 0 R >> >> >>"


def written(**settings: object) -> bytes:
    writer = PdfWriter(outline=[Entry("Files", 0), Entry("Locks", 1, "/XYZ 0 700 0")], **settings)  # type: ignore[arg-type]
    writer.page(heading("Files", 780), prose(FILLER, top=740), column("a\n b", font="Mono", top=500))
    writer.page(heading("Locks", 780), prose(FILLER, top=740))
    return writer.build()


def test_a_file_with_an_empty_user_password_is_read() -> None:
    writer = PdfWriter(user_password=b"")
    writer.page(prose(FILLER))
    raw = writer.build()

    assert b"Tj" not in raw
    assert [document.content for document in read(raw)] == [FILLER]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (written(user_password=b"secret"), "encrypted"),
        (PdfWriter().build(), "no pages"),
        (PdfWriter(pages=[b"", b""], outline=[Entry("Files", 0)]).build(), "no text layer: its 2 pages"),
        (b"", "no PDF"),
        (b"%PDF-1.7\n" + bytes(2000), "no PDF"),
        (b"PK\x03\x04" + bytes(100), "no PDF"),
        (assemble({**CATALOG, 2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"}), "no text layer"),
        (assemble({**CATALOG, 2: b"<< /Type /Pages /Kids [] /Count 2000000000 >>"}), "no pages"),
        (assemble({**CATALOG, 2: b"<< /Type /Pages /Kids [3 0 R] /Count 1000000 >>", 3: PAGE}), "claims 1000000 pages"),
        (assemble({1: b"<< /Type /Catalog >>"}), "manual.pdf"),
    ],
    ids=["locked", "empty", "scanned", "nothing", "zeros", "zip", "cycle", "huge", "claims", "no-pages"],
)
def test_an_unreadable_file_is_an_error_with_reason_and_remedy(raw: bytes, reason: str) -> None:
    with pytest.raises(ParseError) as error:
        read(raw)

    assert reason in str(error.value)
    assert str(error.value).startswith("manual.pdf: ")
    assert "`exclude` in sources.toml" in str(error.value)


def test_the_rest_of_a_truncated_file_is_read() -> None:
    raw = written()

    assert FILLER in "".join(document.content for document in read(raw[: raw.rindex(b"xref")]))


def test_an_outline_with_a_cycle_ends() -> None:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE,
        5: b"<< /Length 44 >>\nstream\nBT /F 11 Tf 72 700 Td (Files and locks.) Tj ET  \nendstream",
        6: b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
        7: b"<< /First 8 0 R /Last 9 0 R >>",
        8: b"<< /Title (One) /Parent 7 0 R /Next 9 0 R /First 9 0 R /Dest [3 0 R /Fit] >>",
        9: b"<< /Title (Two) /Parent 8 0 R /Next 8 0 R /First 8 0 R /Dest [3 0 R /Fit] >>",
    }

    assert [document.content for document in read(assemble(objects))] == ["Files and locks."]


def test_a_form_that_draws_itself_ends() -> None:
    operators = b"BT /F 11 Tf 72 700 Td (Files.) Tj ET /X Do"
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources 7 0 R /Length %d >>\nstream\n%s\nendstream"
    objects = {
        **CATALOG,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources 7 0 R >>",
        5: b"<< /Length 5 >>\nstream\n/X Do\nendstream",
        6: b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
        7: b"<< /Font << /F 6 0 R >> /XObject << /X 8 0 R >> >>",
        8: form % (len(operators), operators),
    }

    assert read(assemble(objects))[0].content == "Files."


def flate(text: bytes, filters: bytes = b"/FlateDecode") -> bytes:
    return b"<< /Filter %s /Length %d >>\nstream\n%s\nendstream" % (filters, len(text), text)


def bomb(megabytes: int, unit: bytes) -> bytes:
    """Return compressed data that expands to `megabytes` of repeated `unit`."""
    packer = zlib.compressobj(9)
    block = unit * (2**20 // len(unit))
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


def exploding(content: bytes) -> bytes:
    page = PAGE.replace(b"5 0 R", b"[" + b"5 0 R " * 40 + b"]")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>"
    return assemble({**CATALOG, 2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", 3: page, 5: content, 6: font})


@pytest.mark.parametrize(
    "content",
    [
        flate(bomb(6, b"BT /F 1 Tf 9 9 Td (aaaaaaa) Tj ET\n")),
        flate(zlib.compress(bomb(25, b" ")), b"[/FlateDecode /FlateDecode]"),
    ],
    ids=["text", "nested"],
)
def test_a_decompression_bomb_fails_without_the_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bomb.pdf").write_bytes(exploding(content))
    (tmp_path / "good.pdf").write_bytes(written())
    source = Source(name="pdf", parser="pdf", roots=(tmp_path,))
    items = [Item(f"pdf://{name}", name, tmp_path, name) for name in ("bomb.pdf", "good.pdf")]
    task = ParseTask(source, items, ChunkSettings(), "code_version")

    outcomes = {
        outcome.key if isinstance(outcome, ItemContent) else outcome.item: outcome
        for batch in parse_in_processes([task], 1)
        for outcome in batch
    }

    assert isinstance(outcomes["pdf://good.pdf"], ItemContent)
    exploded = outcomes["pdf://bomb.pdf"]
    assert isinstance(exploded, Failure)
    assert exploded.error_type == "ParseError"


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    raw=st.sampled_from(
        [written(), written(user_password=b""), (SAMPLE_DATA / "pdf" / "bbj-starter-guide.pdf").read_bytes()]
    ),
    edits=st.integers(1, 40),
)
def test_damaged_files_give_documents_or_a_parse_error(seed: int, raw: bytes, edits: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not used for security
    damaged = bytearray(raw)
    for _ in range(edits):
        DAMAGE[chance.randrange(len(DAMAGE))](damaged, chance)
    try:
        documents = read(bytes(damaged))
    except ParseError:
        return
    for document in documents:
        assert document.title.strip()
        assert "\0" not in document.content
        document.content.encode()
        document.title.encode()


def _overwrite(raw: bytearray, chance: random.Random) -> None:
    raw[chance.randrange(len(raw))] = chance.randrange(256)


def _cut(raw: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(raw))
    if len(raw) > 1000:
        del raw[at : at + chance.randrange(1, 200)]


def _copy(raw: bytearray, chance: random.Random) -> None:
    start, at = chance.randrange(len(raw)), chance.randrange(len(raw))
    raw[at:at] = raw[start : start + chance.randrange(1, 300)]


def _insert(raw: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(raw))
    raw[at:at] = chance.choice(
        [b"99999999999", b"-1 ", b" 0 R ", b"<<", b">>", b"[", b"1e308 ", b"nan ", b"/Kids [2 0 R]", b"\0", b"null "]
    )


DAMAGE: tuple[Callable[[bytearray, random.Random], None], ...] = (_overwrite, _cut, _copy, _insert)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=400))
def test_arbitrary_bytes_are_a_parse_error(raw: bytes) -> None:
    with pytest.raises(ParseError):
        read(raw)
