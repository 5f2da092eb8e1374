"""Search results, as text for a person and as plain data for a program."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bbj_assets.search.hybrid import MARK_END, MARK_START

if TYPE_CHECKING:
    from bbj_assets.search import Hit

_LAYOUT = re.compile(
    r"""^[ \t]*(?: (?:`{3,}|~{3,}).*           # a fence, with its language
                | [|: \t]*-[|: \t]*-[|: \t-]*$  # the rule below a table's header, and between parts of a page
                | \#{1,6}(?=[ \t])              # a heading
                | \|                            # the edges of a table
                ) | [ \t]*\|[ \t]*$ """,
    re.MULTILINE | re.VERBOSE,
)


def print_hits(hits: "Sequence[Hit]") -> None:
    """Print title, breadcrumb, URL and excerpt of each hit, with the words of the question in bold."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if not hits:
        console.print("Nothing was found. Try other words, or fewer filters.")
    for number, hit in enumerate(hits, start=1):
        note = "  (deprecated)" if hit.deprecated else ""
        console.print(Text(f"{number}. {hit.title}", style="bold"), Text(note, style="yellow"), sep="")
        console.print(Text(f"   {hit.breadcrumb}", style="cyan"))
        console.print(Text(f"   {hit.url}", style="blue"))
        console.print(Text(f"   {hit.source} | {hit.doc_type} | {', '.join(hit.generations)}", style="dim"))
        console.print(Text("   "), _marked(hit.excerpt), "\n", sep="")


def hits_json(hits: "Sequence[Hit]") -> list[dict[str, object]]:
    """Return the hits as plain data."""
    return [
        {
            "title": hit.title,
            "breadcrumb": hit.breadcrumb,
            "url": hit.url,
            "source": hit.source,
            "source_url": hit.source_url,
            "doc_type": hit.doc_type,
            "generations": list(hit.generations),
            "deprecated": hit.deprecated,
            "excerpt": _one_line(hit.excerpt).replace(MARK_START, "").replace(MARK_END, ""),
            "content": hit.content,
            "score": round(hit.score, 6),
        }
        for hit in hits
    ]


def _marked(excerpt: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - rich is imported late
    from rich.text import Text

    text = Text()
    for position, part in enumerate(_one_line(excerpt).replace(MARK_END, MARK_START).split(MARK_START)):
        text.append(part, style="bold green" if position % 2 else "")
    return text


def _one_line(excerpt: str) -> str:
    """Return an excerpt as one line of running text, without the Markdown that only lays it out."""
    return " ".join(_LAYOUT.sub(" ", excerpt).split())
