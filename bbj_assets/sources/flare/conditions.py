"""Condition tags: the blocks and topics that a build leaves out.

An element names its tags (`Primary.Deprecated,Primary.Upcoming Release`). A build, or the place where a snippet is
included, selects among them. The rules are those of Flare's help: an included tag wins over an excluded one; with
only includes, every other tag is out; with excludes too, every other tag is in.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_NEVER = "notimplemented"
"""The tag (of any set) for features that are described but do not exist. They are never indexed as facts."""

_BASIC = re.compile(r"\s*,?\s*(include|exclude)\s*\[([^\]]*)\]", re.IGNORECASE)
_NAME = re.compile(r"""["']([^"']*)["']|\bor\b|((?:(?!\bor\b)[^"',])+)""", re.IGNORECASE)
_TOKEN = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|([^\s()"']+))""")
_BINDS = {"(": 0, ")": 1, "or": 2, "and": 3, "not": 4}
_STARTS = frozenset({"(", "not"})
_MAX_EXPRESSION = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The conditions of a build or of a snippet in it. All tags are in lower case.

    Attributes:
        without: the tags that the whole build leaves out.
        include: the tags that a snippet includes.
        exclude: the tags that a snippet excludes.
        allows: an advanced expression (`Primary.Web and not Primary.Draft`) as a function of the tags of an element.
    """

    without: frozenset[str] = frozenset()
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    allows: Callable[[frozenset[str]], bool] | None = field(default=None, compare=False)

    def keeps(self, names: Sequence[str]) -> bool:
        """Return whether an element with these tags is in. One without tags always is."""
        tags = frozenset(name.casefold() for name in names)
        if not tags:
            return True
        if any(tag.rpartition(".")[2].replace(" ", "") == _NEVER for tag in tags):
            return False
        if self.allows is not None:
            return self.allows(tags) and not tags & self.without
        if tags & self.include:
            return True
        if tags & self.exclude or (self.include and not self.exclude):
            return False
        return not tags & self.without


def condition_names(written: str | None) -> list[str]:
    """Return the tags in an attribute, in order, each once.

    >>> condition_names("Primary.Deprecated, Primary.Upcoming Release,")
    ['Primary.Deprecated', 'Primary.Upcoming Release']
    """
    if not written:
        return []
    return list(dict.fromkeys(name for part in written.split(",") if (name := " ".join(part.split()))))


def build_selection(exclude_conditions: Sequence[str]) -> Selection:
    """Return the selection of a build that leaves out some tags."""
    return Selection(without=frozenset(" ".join(name.split()).casefold() for name in exclude_conditions))


def narrowed(build: Selection, expression: str) -> Selection | None:
    """Return the selection within a snippet that is included with an expression; None if it cannot be read.

    Args:
        build: the selection around the snippet.
        expression: `include[A or "B C"] exclude[D]`, or an advanced one: `A and not ("B C" or D)`.
    """
    if not expression.strip():
        return Selection(without=build.without)
    if len(expression) > _MAX_EXPRESSION:
        return None
    basic = _BASIC.findall(expression)
    if basic:
        if _BASIC.sub("", expression).strip(" ,"):
            return None
        lists: dict[str, frozenset[str]] = {"include": frozenset(), "exclude": frozenset()}
        for kind, written in basic:
            names = (" ".join((quoted or bare).split()).casefold() for quoted, bare in _NAME.findall(written))
            lists[kind.lower()] |= frozenset(filter(None, names))
        return Selection(without=build.without, include=lists["include"], exclude=lists["exclude"])
    postfix = _postfix(expression)
    return None if postfix is None else Selection(without=build.without, allows=lambda tags: _holds(postfix, tags))


def _postfix(expression: str) -> list[str] | None:
    """Return the expression in postfix order, its tags in lower case after a `=`; None if it is not valid."""
    output: list[str] = []
    waiting: list[str] = []
    operand_next = True
    for word in _words(expression):
        if (word in _STARTS or word.startswith("=")) != operand_next:
            return None
        if word in _STARTS:
            waiting.append(word)
        elif word.startswith("="):
            output.append(word)
            operand_next = False
        else:  # `)`, `and`, `or` end the operators that bind stronger
            while waiting and _BINDS[waiting[-1]] >= _BINDS[word]:
                output.append(waiting.pop())
            operand_next = word != ")"
            if operand_next:
                waiting.append(word)
            elif not waiting or waiting.pop() != "(":
                return None
    return None if operand_next or "(" in waiting else output + waiting[::-1]


def _words(expression: str) -> Iterator[str]:
    """Yield `(`, `)`, `and`, `or`, `not`, and tags after a `=`."""
    for bracket, quoted, single, bare in _TOKEN.findall(expression):
        if bracket or bare.lower() in _BINDS:
            yield bracket or bare.lower()
        else:
            yield "=" + " ".join((quoted or single or bare).split()).casefold()


def _holds(postfix: Sequence[str], tags: frozenset[str]) -> bool:
    stack: list[bool] = []
    for word in postfix:
        if word.startswith("="):
            stack.append(word[1:] in tags)
        elif word == "not":
            stack.append(not stack.pop())
        else:
            right, left = stack.pop(), stack.pop()
            stack.append((left and right) if word == "and" else (left or right))
    return stack.pop()
