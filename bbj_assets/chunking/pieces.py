"""The record that every splitter returns, whatever format it splits.

A piece keeps its new text apart from the text repeated for its reader. So a test can check the law of chunking:
the bodies, concatenated in order, are the document.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    r"""A part of a document that will be one chunk.

    The bodies of all pieces of a document, concatenated in order, are its text up to the white space
    between them: nothing is lost and nothing is duplicated.

    Attributes:
        headings: the headings inside the document that the piece stands under, outermost first, as plain text.
        body: the new text of this piece, without blank lines around it.
        before: repeated text in front of the body: overlap, a reopened fence, a table header. Includes the line
            break at its end where one is needed (`"```bbj\n"`).
        after: text added after the body, including the line break at its start (`"\n```"`).
    """

    headings: tuple[str, ...]
    body: str
    before: str = ""
    after: str = ""

    @property
    def content(self) -> str:
        """Return the piece as its reader sees it: `before`, `body` and `after`, concatenated."""
        return f"{self.before}{self.body}{self.after}"
