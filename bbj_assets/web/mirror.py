"""The mirror of a site: what was fetched of it, on disk, and how far the visit in progress has come.

A crawl of 7,000 pages at two requests a second takes an hour, so it must survive being killed, cost next to nothing
when it is done again, and never be repeated because a parser changed. Hence bodies are files, and an index of SQLite
knows their validators (ETag, Last-Modified) and the frontier of the visit; neither is ever in memory as a whole.

    <mirror>/mirror.sqlite               the index
    <mirror>/pages/<xx>/<sha256 of url>.html
    <mirror>/arriving/                   bodies that are being written

Whatever moment a kill comes at, each row of the index has its file, and a file that is newer than its row has no
validators, so that it is fetched again.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bbj_assets.documents import Item
from bbj_assets.errors import ListingError

INDEX = "mirror.sqlite"

RESUMED_WITHIN = timedelta(days=1)
"""A visit that was cut off longer ago is begun anew: what it saw then says nothing about today."""

_VERSION = 1
_SCHEMA = """
    CREATE TABLE pages (
        url TEXT PRIMARY KEY,
        path TEXT NOT NULL DEFAULT '',      -- below the mirror; empty for a page that was never fetched
        partition TEXT NOT NULL,
        etag TEXT,
        last_modified TEXT,
        sha256 TEXT,                        -- of the body
        identity TEXT NOT NULL,             -- pages that share it and the fingerprint are one page
        fingerprint TEXT NOT NULL DEFAULT '',
        problem TEXT,
        fetched_at TEXT,
        seen INTEGER NOT NULL               -- the last visit that saw it
    ) WITHOUT ROWID;
    CREATE TABLE visits (number INTEGER PRIMARY KEY, begun TEXT NOT NULL, ended TEXT, complete INTEGER);
    CREATE TABLE frontier (
        number INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL DEFAULT 'page',
        done INTEGER NOT NULL DEFAULT 0
    );
"""


@dataclass(frozen=True, slots=True)
class MirroredPage:
    """What is known of a page; without validators it has to be fetched as if for the first time."""

    url: str
    path: str
    etag: str | None
    last_modified: str | None
    problem: str | None


class Mirror:
    """The mirror in a folder; a context manager, for one thread. One visit at a time may change it.

    Raises:
        ListingError: the folder cannot be written, or the index is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._index = sqlite3.connect(folder / INDEX, timeout=60, isolation_level=None)
            self._index.execute("PRAGMA journal_mode = WAL")
            self._index.execute("PRAGMA synchronous = NORMAL")
            version: int = self._one("PRAGMA user_version")
            if version != _VERSION:
                self._create()
        except (OSError, sqlite3.Error) as error:
            raise ListingError(
                f"Cannot open the mirror {folder / INDEX}: {error}. Make the folder writable, or delete it: it is "
                "filled again by the next visit."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()

    def page(self, url: str) -> MirroredPage | None:
        """What is known of the page."""
        row = self._index.execute(
            "SELECT url, path, etag, last_modified, problem FROM pages WHERE url = ?", (url,)
        ).fetchone()
        if row is None:
            return None
        page = MirroredPage(*row)
        if page.path and not (self.folder / page.path).is_file():  # somebody tidied up: a 304 would be of no use
            return MirroredPage(page.url, "", None, None, page.problem)
        return page

    def body(self, url: str) -> bytes:
        """What was stored of a page.

        Raises:
            KeyError: nothing was.
        """
        page = self.page(url)
        if page is None or not page.path:
            raise KeyError(url)
        return (self.folder / page.path).read_bytes()

    def store(
        self,
        url: str,
        body: bytes,
        *,
        partition: str,
        suffix: str = ".html",
        etag: str | None = None,
        last_modified: str | None = None,
        identity: str | None = None,
        fingerprint: str = "",
    ) -> None:
        """Keep a page's body as its newest state; a problem that it had is over.

        Args:
            suffix: of the file, with the dot.
            identity: pages that share it and the (not empty) fingerprint are listed once, best under this URL.
            fingerprint: what a reader sees, hashed: pages that differ in it are never taken for one.
        """
        name = hashlib.sha256(url.encode()).hexdigest()
        path = f"pages/{name[:2]}/{name}{suffix}"
        arriving = self.folder / "arriving" / f"{name}{suffix}"
        target = self.folder / path
        for parent in (arriving.parent, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        arriving.write_bytes(body)
        # First, or a kill after the renaming would leave the old validators with the new body.
        self._index.execute("UPDATE pages SET etag = NULL, last_modified = NULL WHERE url = ?", (url,))
        os.replace(arriving, target)  # noqa: PTH105 - the name that says what happens to a file that is there
        self._index.execute(
            """
            INSERT OR REPLACE INTO pages
                (url, path, partition, etag, last_modified, sha256, identity, fingerprint, problem, fetched_at, seen)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)
            """,
            (
                url,
                path,
                partition,
                etag,
                last_modified,
                hashlib.sha256(body).hexdigest(),
                identity or url,
                fingerprint,
                _now(),
                self._visit(),
            ),
        )

    def confirm(self, url: str) -> None:
        """The page is as it was stored (a 304)."""
        self._index.execute("UPDATE pages SET problem = NULL, seen = ? WHERE url = ?", (self._visit(), url))

    def fail(self, url: str, *, partition: str, problem: str) -> None:
        """The page could not be fetched, and why; what was stored of it stays."""
        self._index.execute(
            """
            INSERT INTO pages (url, partition, problem, identity, seen) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (url) DO UPDATE SET problem = excluded.problem, seen = excluded.seen
            """,
            (url, partition, problem, url, self._visit()),
        )

    def remove(self, url: str) -> None:
        """The page is no longer there."""
        self._remove("url = ?", (url,))

    def begin_visit(self) -> bool:
        """Begin a visit, or go on with the one that was cut off; whether it goes on.

        What is seen from now on counts as seen by this visit.
        """
        shutil.rmtree(self.folder / "arriving", ignore_errors=True)
        earliest = (datetime.now(UTC) - RESUMED_WITHIN).isoformat()
        if self._one("SELECT count(*) FROM visits WHERE ended IS NULL AND begun > ?", earliest):
            return True
        with self._index:
            self._index.execute("BEGIN")
            self._index.execute("DELETE FROM visits WHERE ended IS NULL")
            self._index.execute("DELETE FROM frontier")
            self._index.execute("INSERT INTO visits (begun) VALUES (?)", (_now(),))
        return False

    def end_visit(self, *, complete: bool) -> None:
        """End the visit. If it was complete, what it did not see is removed."""
        if complete:
            self._remove("seen < ?", (self._visit(),))
        with self._index:
            self._index.execute("BEGIN")
            self._index.execute("DELETE FROM frontier")
            self._index.execute("UPDATE visits SET ended = ?, complete = ? WHERE ended IS NULL", (_now(), complete))

    def last_visit(self) -> datetime | None:
        """When the last complete visit began: what was changed since then may not be in the mirror."""
        begun: str | None = self._one("SELECT max(begun) FROM visits WHERE complete")
        return datetime.fromisoformat(begun) if begun else None

    @property
    def was_visited(self) -> bool:
        """Whether a visit has ended, so that the mirror may stand for the site."""
        return bool(self._one("SELECT count(*) FROM visits WHERE ended IS NOT NULL"))

    def enqueue(self, urls: Iterable[tuple[str, str]]) -> None:
        """Put (URL, what it is) into the frontier, unless it is or was in it during this visit."""
        with self._index:
            self._index.execute("BEGIN")
            self._index.executemany("INSERT OR IGNORE INTO frontier (url, kind) VALUES (?, ?)", urls)

    def pending(self, after: int, limit: int) -> Sequence[tuple[int, str, Any]]:
        """The next (number, URL, what it is) of the frontier to fetch, beyond the number `after`."""
        return self._index.execute(
            "SELECT number, url, kind FROM frontier WHERE NOT done AND number > ? ORDER BY number LIMIT ?",
            (after, limit),
        ).fetchall()

    def done(self, url: str) -> None:
        """Note that the URL needs no fetching (any more) in this visit."""
        self._index.execute(
            "INSERT INTO frontier (url, done) VALUES (?, 1) ON CONFLICT (url) DO UPDATE SET done = 1", (url,)
        )

    def is_done(self, url: str) -> bool:
        """Whether the URL was fetched in this visit."""
        return bool(self._one("SELECT done FROM frontier WHERE url = ?", url))

    def progress(self) -> tuple[int, int]:
        """URLs of this visit: (done, known)."""
        done, known = self._index.execute("SELECT coalesce(sum(done), 0), count(*) FROM frontier").fetchone()
        return done, known

    def has_problems(self) -> bool:
        """Whether anything that this visit saw could not be fetched."""
        count: int = self._one("SELECT count(*) FROM pages WHERE problem IS NOT NULL AND seen = ?", self._visit())
        return count > 0

    def items(self) -> Iterator[Item]:
        """Every page, in the order of the URLs; of pages that several URLs give, the one that it is known by."""
        rows = self._index.execute(
            """
            SELECT url, partition, path, problem, etag, last_modified FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY identity, iif(fingerprint = '', url, fingerprint)
                    ORDER BY lower(url) <> lower(identity), length(url), url DESC
                ) AS place FROM pages
            )
            WHERE place = 1 ORDER BY url
            """
        )
        for url, partition, path, problem, etag, last_modified in rows:
            yield Item(url, partition, self.folder, path, problem, etag, last_modified)

    def _remove(self, condition: str, values: tuple[str | int, ...]) -> None:
        paths = self._index.execute(f"SELECT path FROM pages WHERE {condition}", values).fetchall()  # noqa: S608 - ours
        self._index.execute(f"DELETE FROM pages WHERE {condition}", values)  # noqa: S608 - ours
        for (path,) in paths:
            if path:
                (self.folder / path).unlink(missing_ok=True)

    def _visit(self) -> int:
        number: int | None = self._one("SELECT max(number) FROM visits")
        return number or 0

    def _create(self) -> None:
        """An empty index; what another version kept is fetched again."""
        for (table,) in self._index.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            self._index.execute(f"DROP TABLE {table}")
        self._index.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _one(self, statement: str, *values: str | int) -> Any:
        row = self._index.execute(statement, values).fetchone()
        return None if row is None else row[0]


def _now() -> str:
    return datetime.now(UTC).isoformat()
