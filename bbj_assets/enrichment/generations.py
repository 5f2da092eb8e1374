"""BBj generations: the list, and three tables of rules that tag a page with the generations it applies to.

`character` is terminal code, `vpro5` is Visual PRO/5 and its builders, `bbj_gui` is the BBjAPI and its windows,
`dwc` is the Dynamic Web Client; `all` means every one of them. The folder of a topic in BASIS's help and the
conditions that its authors set weigh more than its words, because a sample for the DWC is also GUI code and a page
about files may open a window.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

Generation: TypeAlias = Literal["all", "character", "vpro5", "bbj_gui", "dwc"]
GenerationTag: TypeAlias = Literal["auto", Generation]
"""What `generation_tag` of a source may be: one generation for all its documents, or `auto` for the rules here."""

ALL: Generation = "all"
GENERATIONS: tuple[Generation, ...] = get_args(Generation)
UNTAGGED = "untagged"
"""The tag of a page that no rule matches."""

PATHS: dict[str, Generation] = {
    "bbjobjects/": "bbj_gui",
    "bbjevents/": "bbj_gui",
    "bbjinterfaces/": "bbj_gui",
    "gridmethods/": "bbj_gui",
    "gridctrl/": "bbj_gui",
    "bui/": "bbj_gui",
    "appbuildingblocks/": "bbj_gui",
    "mnemonic/sysgui/": "bbj_gui",
    "commands/bbj-commands/": "bbj_gui",
    "commands/bbj-variables/": "bbj_gui",
    "dwc/": "dwc",
    "mnemonic/terminal/": "character",
    "guibuild/": "vpro5",
    "formbuilder/": "vpro5",
    "resbuild/": "vpro5",
    "rescomp/": "vpro5",
    "resprops/": "vpro5",
    "ddbuild/": "vpro5",
    "commands/": "all",
    "events/": "all",
    "sendmsg/": "all",
    "sysadmin/": "all",
    "config/": "all",
    "usr/": "all",
    "dataserv/": "all",
    "b3odbc/": "all",
    "bbutil/": "all",
    "util/": "all",
    "eus/": "all",
    "com/basis/bbj/proxies/": "bbj_gui",  # the package of a class that links to no topic
}
"""Folders of BASIS's help, in lower case. Only the innermost folder of a topic counts."""

CONDITIONS: dict[str, Generation] = {
    "primary.guibuild_chm": "vpro5",
    "primary.resbuild_chm": "vpro5",
    "primary.ddbuild_chm": "vpro5",
}
"""Condition tags of the Flare project, in lower case."""

CODE: dict[str, Generation] = {
    "bbjhtmlview": "dwc",
    "bbjwebcomponent": "dwc",
    "setcss": "dwc",
    "addstyle(": "dwc",
    "getwebmanager": "dwc",
    "bbjapi()": "bbj_gui",
    "sysgui": "bbj_gui",  # getSysGui, openSysGui, open(sysgui)"X0"
    "process_events": "bbj_gui",
    "addwindow(": "bbj_gui",
    "setcallback(": "bbj_gui",
    "bbjtoplevelwindow": "bbj_gui",
    "print 'cs'": "character",
    "input 'cs'": "character",
    "'cs',@(": "character",
    "print @(": "character",
    "input @(": "character",
}
"""Text that occurs in code, in lower case. Each row counts once per page."""

_WEIGHT_OF_PATH = 6
_WEIGHT_OF_CONDITION = 6
_WEIGHT_OF_CODE = {"dwc": 3, "bbj_gui": 1, "character": 2}  # only a DWC program calls setCss
_KEPT_SHARE = 0.5


class Evidence(NamedTuple):
    """A row that matched a page.

    Attributes:
        generation: the generation that the row stands for.
        weight: how much it counts.
        row: the folder or code as in its table, or the condition as the page has it.
    """

    generation: Generation
    weight: int
    row: str


def evidence(*, path: str | None, conditions: Sequence[str], content: str) -> list[Evidence]:
    """Return every row that matches a page, so that its tags can be explained.

    Args:
        path: the path of the topic in BASIS's help, or of the class in its package; None for other pages.
        conditions: its condition tags.
        content: its title and text. Takes time linear in its length.
    """
    found = []
    folder = path.lower() if path else ""
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if generation := PATHS.get(f"{folder}/"):
            found.append(Evidence(generation, _WEIGHT_OF_PATH, f"{folder}/"))
            break
    found.extend(
        Evidence(generation, _WEIGHT_OF_CONDITION, condition)
        for condition in conditions
        if (generation := CONDITIONS.get(condition.strip().lower()))
    )
    text = content.lower()
    found.extend(
        Evidence(generation, _WEIGHT_OF_CODE[generation], row) for row, generation in CODE.items() if row in text
    )
    return found


def generations(found: Sequence[Evidence]) -> tuple[str, ...]:
    """Return the tags that the evidence adds up to: the strongest, and those at least half as strong.

    `all` is never combined with others: it is the only tag if it is the strongest, and left out otherwise.
    """
    scores: Counter[Generation] = Counter()
    for generation, weight, _ in found:
        scores[generation] += weight
    if not scores:
        return (UNTAGGED,)
    best = max(scores.values())
    if scores[ALL] == best:
        return (ALL,)
    return tuple(tag for tag in GENERATIONS if tag != ALL and scores[tag] >= best * _KEPT_SHARE)
