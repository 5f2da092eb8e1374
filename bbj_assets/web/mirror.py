"""The mirror of a site: the fetched pages on disk, and the state of a crawl.

A crawl of 7,000 pages at two requests a second takes an hour. So it must survive a kill, cost next to nothing when it
is repeated, and not be repeated because a parser changed. Hence bodies are files, and an SQLite index holds their
validators (ETag, Last-Modified) and the frontier of the crawl; neither is ever in memory as a whole.

    <mirror>/mirror.sqlite               the index
    <mirror>/pages/<xx>/<sha256 of url>.html
    <mirror>/arriving/                   bodies that are being written

Whenever the process is killed, each row of the index has its file. A file that is newer than its row has no
validators, so it is fetched again.
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
from bbj_assets.web.sitemap import Kind, Listed

INDEX = "mirror.sqlite"

RESUMED_WITHIN = timedelta(days=1)
"""A crawl that was interrupted longer ago is started anew, because the pages it saw may have changed since."""

_VERSION = 1
# A crawl is a row of `visits`: the name is kept, so that a mirror of an earlier version is read without a migration.
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
        seen INTEGER NOT NULL               -- number of the last crawl that saw it
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
    """What the index holds of a page. Without validators, the page is fetched as if for the first time."""

    url: str
    path: str
    etag: str | None
    last_modified: str | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierEntry:
    """A URL that is to be fetched, and what kind of body it has. Numbers rise in the order of discovery."""

    number: int
    url: str
    kind: Kind


class Mirror:
    """The mirror in a folder; a context manager, for one thread. Only one crawl at a time may change it.

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
                f"Cannot open the mirror {folder / INDEX}: {error}. Make the folder writable, or delete it: "
                "the next crawl fills it again."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()

    def page(self, url: str) -> MirroredPage | None:
        """Return what the index holds of a page; None for an unknown URL."""
        row = self._index.execute(
            "SELECT url, path, etag, last_modified, problem FROM pages WHERE url = ?", (url,)
        ).fetchone()
        if row is None:
            return None
        page = MirroredPage(*row)
        if page.path and not (self.folder / page.path).is_file():  # deleted by hand: a 304 would be useless
            return MirroredPage(page.url, "", None, None, page.problem)
        return page

    def body(self, url: str) -> bytes:
        """Return the stored body of a page.

        Raises:
            KeyError: the page has none.
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
        """Store the newest body of a page, and clear its problem.

        Args:
            suffix: of the file, with the dot.
            identity: pages that share it and a non-empty fingerprint are listed once, preferably under this URL.
            fingerprint: a hash of the visible content. Pages with different fingerprints are never merged.
        """
        name = hashlib.sha256(url.encode()).hexdigest()
        path = f"pages/{name[:2]}/{name}{suffix}"
        arriving = self.folder / "arriving" / f"{name}{suffix}"
        target = self.folder / path
        for parent in (arriving.parent, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        arriving.write_bytes(body)
        # First, or a kill after the rename would leave the old validators with the new body.
        self._index.execute("UPDATE pages SET etag = NULL, last_modified = NULL WHERE url = ?", (url,))
        os.replace(arriving, target)  # noqa: PTH105 - `replace` says that an existing file is replaced
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
                self._crawl(),
            ),
        )

    def confirm(self, url: str) -> None:
        """Mark a page as seen and unchanged (a 304), and clear its problem."""
        self._index.execute("UPDATE pages SET problem = NULL, seen = ? WHERE url = ?", (self._crawl(), url))

    def fail(self, url: str, *, partition: str, problem: str) -> None:
        """Record why a page could not be fetched. Its stored body stays."""
        self._index.execute(
            """
            INSERT INTO pages (url, partition, problem, identity, seen) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (url) DO UPDATE SET problem = excluded.problem, seen = excluded.seen
            """,
            (url, partition, problem, url, self._crawl()),
        )

    def remove(self, url: str) -> None:
        """Delete a page and its file."""
        self._remove("url = ?", (url,))

    def begin_crawl(self) -> bool:
        """Start a crawl, or resume the one that was interrupted. Return whether it is resumed.

        Pages that are stored, confirmed or failed from now on count as seen by this crawl.
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

    def end_crawl(self, *, complete: bool) -> None:
        """End the crawl. A complete crawl deletes the pages that it did not see."""
        if complete:
            self._remove("seen < ?", (self._crawl(),))
        with self._index:
            self._index.execute("BEGIN")
            self._index.execute("DELETE FROM frontier")
            self._index.execute("UPDATE visits SET ended = ?, complete = ? WHERE ended IS NULL", (_now(), complete))

    @property
    def was_crawled(self) -> bool:
        """Whether a crawl has ended, so that the pages of the site are known."""
        return bool(self._one("SELECT count(*) FROM visits WHERE ended IS NOT NULL"))

    def enqueue(self, listed: Iterable[Listed]) -> None:
        """Add URLs to the frontier. A URL that this crawl already knows is ignored."""
        with self._index:
            self._index.execute("BEGIN")
            self._index.executemany(
                "INSERT OR IGNORE INTO frontier (url, kind) VALUES (?, ?)",
                ((entry.url, entry.kind) for entry in listed),
            )

    def pending(self, *, after: int, limit: int) -> Sequence[FrontierEntry]:
        """Return the next entries of the frontier to fetch, those with a number beyond `after`."""
        rows = self._index.execute(
            "SELECT number, url, kind FROM frontier WHERE NOT done AND number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
        return [FrontierEntry(number=number, url=url, kind=kind) for number, url, kind in rows]

    def mark_done(self, url: str) -> None:
        """Record that this crawl need not fetch the URL (again)."""
        self._index.execute(
            "INSERT INTO frontier (url, done) VALUES (?, 1) ON CONFLICT (url) DO UPDATE SET done = 1", (url,)
        )

    def is_done(self, url: str) -> bool:
        """Return whether this crawl is done with the URL."""
        return bool(self._one("SELECT done FROM frontier WHERE url = ?", url))

    def progress(self) -> tuple[int, int]:
        """Return how many URLs this crawl has done, and how many it knows."""
        done, known = self._index.execute("SELECT coalesce(sum(done), 0), count(*) FROM frontier").fetchone()
        return done, known

    def has_problems(self) -> bool:
        """Return whether a page that this crawl saw could not be fetched."""
        count: int = self._one("SELECT count(*) FROM pages WHERE problem IS NOT NULL AND seen = ?", self._crawl())
        return count > 0

    def items(self) -> Iterator[Item]:
        """List every page, ordered by URL. A page that several URLs lead to is listed once, under its preferred URL."""
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
        paths = self._index.execute(f"SELECT path FROM pages WHERE {condition}", values).fetchall()  # noqa: S608 - the callers' constants
        self._index.execute(f"DELETE FROM pages WHERE {condition}", values)  # noqa: S608 - the callers' constants
        for (path,) in paths:
            if path:
                (self.folder / path).unlink(missing_ok=True)

    def _crawl(self) -> int:
        number: int | None = self._one("SELECT max(number) FROM visits")
        return number or 0

    def _create(self) -> None:
        """Create an empty index. The content of an index of another version is fetched again."""
        for (table,) in self._index.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            self._index.execute(f"DROP TABLE {table}")
        self._index.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _one(self, statement: str, *values: str | int) -> Any:
        row = self._index.execute(statement, values).fetchone()
        return None if row is None else row[0]


def _now() -> str:
    return datetime.now(UTC).isoformat()
