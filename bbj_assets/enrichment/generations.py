"""Which generations of BBj a page speaks of: every rule of it, as rows of three tables.

`character` is terminal code, `vpro5` Visual PRO/5 and its builders, `bbj_gui` the BBjAPI and its windows,
`dwc` the Dynamic Web Client; `all` is what holds for every one of them. Where a topic lies in BASIS's help
and which conditions its authors put on it weigh more than the words in it, because a sample for the DWC is
also GUI code and a page on files may open a window.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

GENERATIONS = ("all", "character", "vpro5", "bbj_gui", "dwc")
UNTAGGED = "untagged"
"""The tag of a page that nothing speaks for."""

PATHS = {
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
"""Folders of BASIS's help, in lower case. The longest one that holds the topic speaks."""

CONDITIONS = {
    "primary.guibuild_chm": "vpro5",
    "primary.resbuild_chm": "vpro5",
    "primary.ddbuild_chm": "vpro5",
}
"""Condition tags of the Flare project, in lower case."""

CODE = {
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
"""What code says, in lower case. Each row counts once a page, however often it is there."""

_WEIGHT_OF_PATH = 6
_WEIGHT_OF_CONDITION = 6
_WEIGHT_OF_CODE = {"dwc": 3, "bbj_gui": 1, "character": 2}  # nobody but a DWC program says setCss
_KEPT_SHARE = 0.5


class Evidence(NamedTuple):
    """A row that spoke.

    Attributes:
        row: the folder, the condition or the code, as its table has it.
    """

    generation: str
    weight: int
    row: str


def evidence(path: str, conditions: Sequence[str], content: str) -> list[Evidence]:
    """Every row that speaks for a page, so that a tag can be explained.

    Args:
        path: of the topic in BASIS's help, or of the class in its package, or empty.
        conditions: its condition tags.
        content: its title and text; takes time linear in it.
    """
    found = []
    folder = path.lower()
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
    """The tags that the evidence adds up to: the strongest, and what is at least half as strong.

    `all` stands alone: it is the strongest and says everything, or it is not said.
    """
    scores: Counter[str] = Counter()
    for generation, weight, _ in found:
        scores[generation] += weight
    if not scores:
        return (UNTAGGED,)
    best = max(scores.values())
    if scores["all"] == best:
        return ("all",)
    return tuple(tag for tag in GENERATIONS if tag != "all" and scores[tag] >= best * _KEPT_SHARE)
