"""Every word of the pages is in exactly one section."""

import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.convert.pdf.reading import open_pdf
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.convert.pdf.manuals import read
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, PdfWriter, Text

_LETTERS = re.compile(r"[^\W_]+")

WORDS = st.text("abcdefghikmnoprstuz", min_size=1, max_size=9)
LINES = st.lists(WORDS, min_size=1, max_size=9).map(" ".join)
TEXTS = st.builds(
    Text,
    x=st.sampled_from([60, 72, 90, 200, 310, 420]),
    y=st.integers(4, 60).map(lambda row: row * 13.0),
    text=LINES,
    size=st.sampled_from([8, 11, 11, 11, 16, 22]),
    font=st.sampled_from(["Times", "Times", "Bold", "Mono"]),
)


def spread(texts: list[Text]) -> list[Text]:
    """Return the texts that do not overprint each other."""
    kept: list[Text] = []
    for text in texts:
        width = len(text.text) * text.size * 0.65
        if text.x + width < 590 and all(
            abs(text.y - other.y) >= 1.3 * max(text.size, other.size)
            or text.x > other.x + len(other.text) * other.size * 0.65
            or other.x > text.x + width
            for other in kept
        ):
            kept.append(text)
    return kept


@settings(max_examples=150, deadline=None)
@given(
    page=st.lists(TEXTS, min_size=1, max_size=25).map(spread).filter(bool),
    entries=st.lists(st.tuples(st.integers(0, 24), st.booleans(), st.integers(0, 2)), max_size=6),
)
def test_every_word_is_in_exactly_one_section(page: list[Text], entries: list[tuple[int, bool, int]]) -> None:
    outline: list[Entry] = []
    for at, exact, level in entries:
        text = page[at % len(page)]
        deepest = outline[-1].level + 1 if outline else 0
        title = text.text if exact else "Elsewhere"
        outline.append(Entry(title, 0, f"/XYZ {text.x} {text.y + text.size} 0", level=min(level, deepest)))
    writer = PdfWriter(outline=outline)
    writer.page(page)

    documents = read(writer.build())

    headings = {text.text for text in page}
    converted = Counter(_LETTERS.findall("\n".join(d.content.replace("<br>", " ") for d in documents)))
    titles = [d.title for d in documents] + list({title for d in documents for title in d.section_path})
    written = Counter(word for text in page for word in text.text.split())
    in_titles = Counter(word for title in titles for word in _LETTERS.findall(title))
    assert headings
    assert not converted - written, "a word occurs twice, or was invented"
    assert not written - converted - in_titles, "a word is lost"


def test_every_word_of_the_sample_guide_occurs_once_except_its_furniture() -> None:
    raw = (SAMPLE_DATA / "pdf" / "bbj-starter-guide.pdf").read_bytes()
    with open_pdf(raw, "guide") as pdf:
        shown = Counter("".join(word.text for page in pdf.pages() for word in page.words).replace("-", ""))
        pages = pdf.page_count
    documents = read(raw)
    converted = Counter("".join(f"{d.title}{d.content}" for d in documents).replace("-", ""))
    header = Counter("AStarterGuidetoBBj" * pages)
    footer = Counter("BBjAssetssampledata|Page12345" + "BBjAssetssampledata|Page" * (pages - 1))

    assert {c: n for c, n in (shown - converted).items() if c.isalnum()} == {
        c: n for c, n in (header + footer).items() if c.isalnum()
    }
    assert {c: n for c, n in (converted - shown).items() if c.isalnum()} == {}
