"""PDF pages as Markdown, from the positions of the glyphs.

A PDF holds glyphs at positions: no words, no paragraphs, no order. So the text of a page is built from its geometry.
Each step is a module that can be read and tested by itself:

    bytes ──reading──▶ Words ──lines──▶ Lines ──furniture, order, tables──▶ Units (layout) ──headings──▶
          ──sections (outline, or headings)──▶ Section ──blocks, paragraphs, lists, code, reflow──▶ Markdown

The outline and the properties of the file come from `structure`. Finding files and choosing the URLs of documents does
not belong here: the parsers that call `documents` do that.
"""

from collections.abc import Sequence

from bbj_assets.documents import Document


def documents(raw: bytes, *, name: str, url: str) -> Sequence[Document]:
    """Convert the bytes of a PDF to documents, as `manual.documents` describes.

    Args:
        raw: the file.
        name: the file's name, for messages, and for the title when the file has none.
        url: the source_url of the text before the first section; a section is at `<url>#<slug of its title>`.

    Raises:
        ParseError: the file cannot be opened, or has no text.
    """
    from bbj_assets.convert.pdf import manual  # loads the PDF library, which a listing does not need

    return manual.documents(raw, name=name, url=url)
