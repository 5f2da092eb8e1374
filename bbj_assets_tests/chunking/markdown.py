"""Strategies that generate Markdown for the chunking tests, and an independent parser to compare with."""

from hypothesis import strategies as st
from markdown_it import MarkdownIt

_ORACLE = MarkdownIt("commonmark").enable("table")

_PLAIN_WORDS = st.sampled_from(
    ["grid", "row", "BBjGridExWidget", "setCallback()", "the", "a", "of", "42", "über", "你好", "🙂", "`code`", "e.g."]
)
_WORDS = _PLAIN_WORDS | st.sampled_from(
    ["**bold**", "_it_", "[a](b.md)", "x|y", "#5", "-", "*", "1.", "<b>", "\\", "&", "foo!", "```", "~~~", "naïve"]
)


def _sentence(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.lists(words, min_size=1, max_size=14), st.sampled_from([".", "!", "?", "", ":", "。"])).map(
        lambda parts: " ".join(parts[0]).capitalize() + parts[1]
    )


sentences = _sentence(_PLAIN_WORDS)
paragraphs = st.lists(sentences, min_size=1, max_size=6).flatmap(
    lambda lines: st.sampled_from([" ", "\n"]).map(lambda gap: gap.join(lines))
)
wild_paragraphs = st.lists(_sentence(_WORDS), min_size=1, max_size=6).map("\n".join)
headings = st.builds(
    lambda level, words, tail: f"{'#' * level} {' '.join(words)}{tail}".rstrip(),
    st.integers(1, 6),
    st.lists(_PLAIN_WORDS, max_size=4),
    st.sampled_from(["", " ##"]),
)
code_lines = st.sampled_from(
    [
        "# no heading",
        "let x = 1",
        "",
        "  rem indented",
        "export default 1",
        "- no item",
        "| no | row |",
        "print `x`",
        "a" * 70,
    ]
)
inline_marks = st.sampled_from(["x ``` y", "x ~~~ y", "a ```` b " * 12])


@st.composite
def fences(draw: st.DrawFn, *, closed: bool = True) -> str:
    mark = draw(st.sampled_from(["```", "~~~", "`````", "~~~~"]))
    info = draw(st.sampled_from(["", "bbj", "java title=x"]))
    lines = draw(st.lists(code_lines | inline_marks, max_size=25))
    return "\n".join([f"{mark}{info}", *lines, *([mark] if closed else [])])


@st.composite
def tables(draw: st.DrawFn) -> str:
    columns = draw(st.integers(1, 4))
    cell = st.lists(_PLAIN_WORDS, max_size=4).map(" ".join)
    rows = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), min_size=1, max_size=12))
    return "\n".join(
        [f"| {' | '.join(row)} |" for row in rows[:1]]
        + ["|" + "---|" * columns]
        + [f"| {' | '.join(row)} |" for row in rows[1:]]
    )


def _nested(blocks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def item(mark: str, body: str) -> str:
        pad = " " * (len(mark) + 1)
        return f"{mark} " + "\n".join(pad + line if line else line for line in body.split("\n")).lstrip(" ")

    quote = blocks.map(lambda body: "\n".join(f"> {line}".rstrip() for line in body.split("\n")))
    lists = st.builds(
        lambda mark, bodies, gap: gap.join(item(mark, body) for body in bodies),
        st.sampled_from(["-", "*", "1.", "12)"]),
        st.lists(st.lists(blocks, min_size=1, max_size=3).map("\n\n".join), min_size=1, max_size=5),
        st.sampled_from(["\n", "\n\n"]),
    )
    return quote | lists


leaves = paragraphs | fences() | tables()
blocks = (
    headings
    | leaves
    | paragraphs.map(lambda text: text + "\n===")
    | st.sampled_from(["---", "<!-- # no heading -->", "<div>\n# no heading\n</div>", "    # indented\n\n    code", ""])
    | st.recursive(leaves, _nested, max_leaves=6)
)
documents = st.builds(
    lambda parts, gap, end: gap.join(parts) + end,
    st.lists(blocks, max_size=14),
    st.sampled_from(["\n\n", "\n\n\n", "\n \n"]),
    st.sampled_from(["", "\n"]) | fences(closed=False).map(lambda fence: "\n\n" + fence),
)
"""Well-formed Markdown with blank lines between blocks; the last block may be a fence left open."""

wild_documents = st.lists(
    blocks | wild_paragraphs | st.text("# \n`~->|*:=1.ab\t<\r", max_size=40) | st.text(max_size=20), max_size=12
).flatmap(lambda parts: st.sampled_from(["\n", "\n\n", "\r\n"]).map(lambda gap: gap.join(parts)))
"""Markdown of any kind, well-formed or not."""


def top_level(text: str, kind: str) -> list[str]:
    """Return the source of every top-level block of a type (`fence`, `heading_open`), according to markdown-it."""
    lines = text.split("\n")
    tokens = (token for token in _ORACLE.parse(text) if token.type == kind and token.level == 0)
    return ["\n".join(lines[slice(*token.map)]).rstrip() for token in tokens if token.map]


def open_fences(text: str) -> list[str]:
    """Return the fenced code blocks, at any depth, that reach the end of the text without a closing line."""
    lines = text.split("\n")
    found = []
    for token in _ORACLE.parse(text):
        if token.type == "fence" and token.map:
            last = lines[token.map[1] - 1].strip(" >")
            closed = (
                token.map[1] - token.map[0] > 1 and set(last) == {token.markup[0]} and len(last) >= len(token.markup)
            )
            if not closed:
                found.append("\n".join(lines[slice(*token.map)]))
    return found
