"""The record that every splitter gives back, whatever the format it splits.

What is new in a piece and what is repeated in it for its reader are kept apart. That makes the law of
chunking one that a test can check: the bodies, one after the other, are the document.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    r"""A part of a document that will be one chunk.

    The bodies of all pieces of a document, concatenated in order, are its text up to the white space
    between them: nothing is lost, nothing is there twice.

    Attributes:
        headings: the path of headings inside the document that the piece stands under, outermost first,
            as plain text without markup.
        body: the text that is new in this piece, without blank lines around it.
        before: what is repeated ahead of it: overlap, a reopened fence, the header of a table. It brings
            the line breaks it needs at its end (`"```bbj\n"`).
        after: what is added behind it, with the line break it needs at its start (`"\n```"`).
    """

    headings: tuple[str, ...]
    body: str
    before: str = ""
    after: str = ""

    @property
    def content(self) -> str:
        """The piece as its reader sees it: `before`, `body` and `after`, one directly after the other."""
        return f"{self.before}{self.body}{self.after}"
