"""Items that harm the process that receives them: unpickling one there does what its name says."""

import os
import signal
import time
from pathlib import Path
from typing import NoReturn

from bbj_assets.documents import Item


def die_by_signal() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
    raise AssertionError


def leave() -> NoReturn:
    os._exit(3)


def hang() -> NoReturn:
    time.sleep(600)
    raise AssertionError


def hog() -> bytearray:
    return bytearray(3 * 1024**3)


HARMS = {"signal": die_by_signal, "exit": leave, "hang": hang, "memory": hog}


class HostileItem(Item):
    """`hostile("exit")` is an ordinary item here, and ends the process that it is sent to."""

    def __reduce__(self) -> tuple[object, ...]:
        return HARMS[self.path.removesuffix(".md")], ()


def hostile(harm: str) -> Item:
    return HostileItem(f"mdx-test://{harm}.md", "_root", Path("/nowhere"), f"{harm}.md")
