"""What kind of page a document is, for documents whose parser does not know: one table, the first row wins.

BASIS's reference topics share a layout (Description, Syntax, Parameters, Return Value, Remarks, Example,
See Also), so the headings of a page say more than its words. Titles come first nevertheless: a page called
"Upgrading to BBj 24" has headings of any kind.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

TYPES = (
    "api-reference",
    "language-reference",
    "concept",
    "example",
    "tutorial",
    "article",
    "migration",
    "best-practice",
    "version-note",
)

BY_PARSER = {"mdx": "tutorial", "wordpress": "article", "bbj-source": "example", "javadoc": "api-reference"}
"""What the pages of a parser are, unless a row of `RULES_FOR_ALL` speaks."""

_API_FOLDERS = r"^(?:bbjobjects|bbjevents|bbjinterfaces|gridmethods|gridctrl|sysadmin/admin_api)/"
_LANGUAGE_FOLDERS = r"^(?:commands|mnemonic|events|sendmsg)/"


class Rule(NamedTuple):
    """A row: all that it names must hold.

    Attributes:
        title: a pattern searched in the title.
        path: a pattern searched in the topic's path in BASIS's help, in lower case.
        headings: in lower case, all of which the page has.
    """

    doc_type: str
    title: str = ""
    path: str = ""
    headings: frozenset[str] = frozenset()


RULES_FOR_ALL = (
    Rule("version-note", title=r"what.?s new|release notes?|change ?log|new features|\b(?:in|for) (?:bbj|version) \d"),
    Rule("version-note", path=r"(?:^|/)(?:whats_?new|release_?notes?|versions?|changes)(?:/|_|\.)"),
    Rule("migration", title=r"\b(?:migrat|upgrad|porting\b|converting\b|conversion|moving (?:from|to)\b)"),
    Rule("migration", path=r"(?:^|/)(?:migration|upgrad\w*|conversion|porting)(?:/|_|\.)"),
    Rule("best-practice", title=r"\bbest practices?\b|\bguidelines?\b|\brecommend|\btips\b|\bdos and don"),
)
"""Kinds of pages that occur in every source."""

RULES_FOR_REFERENCES = (
    Rule("api-reference", path=_API_FOLDERS),
    Rule("language-reference", path=_LANGUAGE_FOLDERS),
    Rule("api-reference", headings=frozenset({"return value"})),
    Rule("api-reference", headings=frozenset({"parameters", "syntax"})),
    Rule("language-reference", headings=frozenset({"syntax"})),
    Rule("tutorial", title=r"\btutorial\b|\bgetting started\b|\bstep.by.step\b|\bwalk.?through\b"),
    Rule("example", title=r"\bexamples?\b|\bsamples?\b"),
)
"""Kinds of pages of a reference."""

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#:]*$", re.MULTILINE)


def document_type(parser: str, title: str, path: str, content: str) -> str:
    """The first row that holds; `concept`, the page that explains, when none does.

    Args:
        parser: as sources.toml names it.
        title: of the document.
        path: of the topic in BASIS's help, or empty.
        content: Markdown; only its headings are looked at.
    """
    for rule in RULES_FOR_ALL:
        if _holds(rule, title, path, ()):
            return rule.doc_type
    if parser in BY_PARSER:
        return BY_PARSER[parser]
    headings = {heading.strip("*_ ").lower() for heading in _HEADING.findall(content)}
    for rule in RULES_FOR_REFERENCES:
        if _holds(rule, title, path, headings):
            return rule.doc_type
    return "concept"


def _holds(rule: Rule, title: str, path: str, headings: Collection[str]) -> bool:
    return (
        (not rule.title or re.search(rule.title, title, re.IGNORECASE) is not None)
        and (not rule.path or re.search(rule.path, path.lower()) is not None)
        and all(heading in headings for heading in rule.headings)
    )
