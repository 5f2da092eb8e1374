"""Document types, for documents whose parser does not know theirs: tables of rules, in which the first match wins.

BASIS's reference topics share a layout (Description, Syntax, Parameters, Return Value, Remarks, Example,
See Also), so the headings of a page are better evidence than its words. Titles are checked before headings, because
a page called "Upgrading to BBj 24" can have any headings.
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple, TypeAlias

DocumentType: TypeAlias = Literal[
    "api-reference",
    "language-reference",
    "concept",
    "example",
    "tutorial",
    "article",
    "migration",
    "best-practice",
    "version-note",
]
"""Every type that `document_type` can return."""

BY_PARSER: dict[str, DocumentType] = {
    "mdx": "tutorial",
    "wordpress": "article",
    "bbj-source": "example",
    "javadoc": "api-reference",
}
"""The type of the pages of a parser, unless a row of `RULES_FOR_ALL` matches."""

_API_FOLDERS = r"^(?:bbjobjects|bbjevents|bbjinterfaces|gridmethods|gridctrl|sysadmin/admin_api)/"
_LANGUAGE_FOLDERS = r"^(?:commands|mnemonic|events|sendmsg)/"


class Rule(NamedTuple):
    """A row of the table. It matches when all of its conditions hold.

    Attributes:
        doc_type: the type of a page that matches.
        title: a pattern to search for in the title.
        path: a pattern to search for in the topic's path in BASIS's help, in lower case.
        headings: headings in lower case, all of which the page must have.
    """

    doc_type: DocumentType
    title: str | None = None
    path: str | None = None
    headings: frozenset[str] = frozenset()


RULES_FOR_ALL = (
    Rule("version-note", title=r"what.?s new|release notes?|change ?log|new features|\b(?:in|for) (?:bbj|version) \d"),
    Rule("version-note", path=r"(?:^|/)(?:whats_?new|release_?notes?|versions?|changes)(?:/|_|\.)"),
    Rule("migration", title=r"\b(?:migrat|upgrad|porting\b|converting\b|conversion|moving (?:from|to)\b)"),
    Rule("migration", path=r"(?:^|/)(?:migration|upgrad\w*|conversion|porting)(?:/|_|\.)"),
    Rule("best-practice", title=r"\bbest practices?\b|\bguidelines?\b|\brecommend|\btips\b|\bdos and don"),
)
"""Types of pages that occur in every source."""

RULES_FOR_REFERENCES = (
    Rule("api-reference", path=_API_FOLDERS),
    Rule("language-reference", path=_LANGUAGE_FOLDERS),
    Rule("api-reference", headings=frozenset({"return value"})),
    Rule("api-reference", headings=frozenset({"parameters", "syntax"})),
    Rule("language-reference", headings=frozenset({"syntax"})),
    Rule("tutorial", title=r"\btutorial\b|\bgetting started\b|\bstep.by.step\b|\bwalk.?through\b"),
    Rule("example", title=r"\bexamples?\b|\bsamples?\b"),
)
"""Types of pages of a reference."""

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#:]*$", re.MULTILINE)


def document_type(*, parser: str, title: str, path: str | None, content: str) -> DocumentType:
    """Return the type of the first row that matches; `concept`, a page that explains, if none does.

    Args:
        parser: its name in sources.toml.
        title: the title of the document.
        path: the path of the topic in BASIS's help; None if it is not a topic there.
        content: Markdown; only its headings are used.
    """
    for rule in RULES_FOR_ALL:
        if _matches(rule, title=title, path=path, headings=()):
            return rule.doc_type
    if parser in BY_PARSER:
        return BY_PARSER[parser]
    headings = {heading.strip("*_ ").lower() for heading in _HEADING.findall(content)}
    for rule in RULES_FOR_REFERENCES:
        if _matches(rule, title=title, path=path, headings=headings):
            return rule.doc_type
    return "concept"


def _matches(rule: Rule, *, title: str, path: str | None, headings: Collection[str]) -> bool:
    return (
        (rule.title is None or re.search(rule.title, title, re.IGNORECASE) is not None)
        and (rule.path is None or (path is not None and re.search(rule.path, path.lower()) is not None))
        and all(heading in headings for heading in rule.headings)
    )
