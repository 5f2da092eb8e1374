"""Observers of an index while its ingests are killed: a reader, a count of embedded texts, and all rows to compare."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import psycopg

from bbj_assets.embedding.runner.batches import PROBE_TEXT
from bbj_assets.errors import DatabaseError
from bbj_assets.search.hybrid import Filters, search
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.models import active_model
from bbj_assets_tests.chaos.random_pages import mixed_versions
from bbj_assets_tests.fakes.model_server import FakeModelServer, vector_for


@dataclass
class ConcurrentReader:
    """A thread that reads and searches the index until `end`, and collects what is wrong."""

    url: str
    reads: int = 0
    answers: int = 0
    errors: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._read_until_ended, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(20)

    def _read_until_ended(self) -> None:
        while not self._ended.is_set():
            try:
                with connect(self.url) as conn:
                    while not self._ended.wait(0.2):
                        self._read_once(conn)
            except (DatabaseError, psycopg.OperationalError):  # the test stops PostgreSQL
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - shown by the test
                self.errors.append(repr(error))
                return

    def _read_once(self, conn: Connection) -> None:
        for url, contents in conn.execute(
            "SELECT source_url, array_agg(content ORDER BY ordinal) FROM documents LEFT JOIN chunks USING (source_url) "
            "GROUP BY 1"
        ):
            wrong = mixed_versions([content for content in contents if content])
            if wrong:
                self.errors.append(f"{url}: {wrong}")
        self.reads += 1
        model = active_model(conn)
        if model is not None:
            question = "a sentence about a window"
            hits = search(conn, question, vector_for(question, model.dimensions)[np.newaxis], model, Filters())
            self.answers += bool(hits)
            if self.answers and not hits:
                self.errors.append("a search found nothing, and an earlier one did")


class EmbeddingLedger:
    """The texts that the model server was asked for since now, compared with the vectors that were stored."""

    def __init__(self, url: str, server: FakeModelServer) -> None:
        self._url = url
        self._server = server
        self._lost = 0
        self.lost()

    def lost(self) -> int:
        """Return how many texts were asked for since the last call and not stored: those in flight at the kill."""
        with connect(self._url) as conn:
            row = conn.execute("SELECT count(*) FROM embeddings").fetchone()
        assert row is not None
        before, self._lost = self._lost, self._asked().total() - int(row[0])
        return self._lost - before

    def asked_again(self) -> int:
        """Return how many texts were asked for beyond once each, which is all that a clean ingest needs."""
        asked = self._asked()
        return asked.total() - len(asked)

    def _asked(self) -> Counter[str]:
        """Count texts as soon as their request arrives, whether or not its sender still waits for the answer."""
        texts = Counter(text for request in list(self._server.requests) for text in request.texts)
        del texts[PROBE_TEXT]
        return texts


def stored_rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all that an ingest decides, without the vectors of deleted texts, which are kept on purpose."""
    with connect(url) as conn:
        return {
            "documents": conn.execute(
                "SELECT source_url, item, source, partition_key, title, doc_type, generations, deprecated, "
                "display_url, section_path, content_sha256, code_version, dependencies, metadata "
                "FROM documents ORDER BY 1"
            ).fetchall(),
            "chunks": conn.execute(
                "SELECT source_url, ordinal, content, context_header, content_hash, token_count, search_vector "
                "FROM chunks ORDER BY 1, 2"
            ).fetchall(),
            "embeddings": conn.execute(
                "SELECT model, content_hash, embedding FROM embeddings e "
                "WHERE EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash) ORDER BY 1, 2"
            ).fetchall(),
            "failures": conn.execute("SELECT stage, item FROM failures ORDER BY 1, 2").fetchall(),
        }
