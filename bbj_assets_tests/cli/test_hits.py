"""The excerpt of a passage that search prints."""

import pytest

from bbj_assets.cli.hits import hits_json
from bbj_assets.search.hybrid import MARK_END, MARK_START, Hit


@pytest.mark.parametrize(
    ("passage", "shown"),
    [
        ("Two lines\nof prose.", "Two lines of prose."),
        ("## Syntax\n\n| Value | Method |\n| --- | :-: |\n| void | close() |", "Syntax Value | Method void | close()"),
        ("Before.\n\n```bbj\nx! = null()\n```\n\nAfter.", "Before. x! = null() After."),
        ("~~~\nx = a - b\n~~~", "x = a - b"),
        ("- one\n- two #2", "- one - two #2"),
        ("a || b, --limit 3 and #Canvas!.draw()", "a || b, --limit 3 and #Canvas!.draw()"),
        ("#Canvas!.draw()\nrem --- the end", "#Canvas!.draw() rem --- the end"),
        (f"cut in a row | {MARK_START}close{MARK_END}() |\n| --- | --- |", "cut in a row | close()"),
    ],
)
def test_an_excerpt_is_the_words_of_the_passage_without_its_layout(passage: str, shown: str) -> None:
    hit = Hit("Title", "Place", "url", "guide", "guide://a.md", "concept", ["dwc"], False, passage, passage, 1.0)

    [data] = hits_json([hit])

    assert data["excerpt"] == shown
    assert data["content"] == passage
