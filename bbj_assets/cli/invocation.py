"""Which sources the last `bbj-ingest-all` completed, so that `--resume` can skip them.

This is a small file in the home, not a table: it is about the command of this machine, while the index may be shared,
and is right without it.
"""

import json
import os
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Invocation:
    """One `bbj-ingest-all`: its sources, and those that are completed."""

    file: Path
    sources: Sequence[str]
    completed: list[str] = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _completing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def interrupted(self) -> bool:
        """Whether a source is not completed."""
        return set(self.completed) != set(self.sources)

    def complete(self, source: str) -> None:
        """Record that a source is completed. Several threads may call this at once."""
        with self._completing:
            self.completed.append(source)
            self.save()

    def save(self) -> None:
        """Write the file atomically."""
        state = {"id": self.id, "sources": list(self.sources), "completed": self.completed}
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(json.dumps(state), encoding="utf-8")
        os.replace(temporary, self.file)  # noqa: PTH105 - the atomic one


def last_invocation(home: Path) -> Invocation | None:
    """Return the previous invocation; None if there was none, or its file cannot be read."""
    file = _file(home)
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        return Invocation(file, list(state["sources"]), list(state["completed"]), str(state["id"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def new_invocation(home: Path, sources: Sequence[str]) -> Invocation:
    """Record that a new invocation begins, and return it."""
    home.mkdir(parents=True, exist_ok=True)
    invocation = Invocation(_file(home), list(sources))
    invocation.save()
    return invocation


def _file(home: Path) -> Path:
    return home / "last_ingest.json"
