"""Hybrid search: what is near in meaning and what has the words, fused by rank.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): a document's score is the sum of 1/(60 + rank) over the
lists that it is in. It needs no common scale for distances and word scores, and one list may be empty. On the
questions that `lexical` speaks of, other constants than 60 and other weights of the lists gained or lost one or two of
36: no more than chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from bbj_assets.documents import Vectors
from bbj_assets.enrichment.generations import ALL, UNTAGGED
from bbj_assets.search.lexical import lexical_candidates
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import Model
from bbj_assets.store.vector_index import vector_type

_CANDIDATES = 60
_RRF_K = 60
MARK_START, MARK_END = "\ue000", "\ue001"
"""Around the words of the question in `Hit.excerpt`: characters that no text uses."""

ChunkKey = tuple[str, int]
"""(source_url, ordinal)"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents may be found. A document of the generation `all` speaks of every generation."""

    sources: Sequence[str] = ()
    generation: str | None = None

    @property
    def condition(self) -> sql.SQL:
        """The condition on `documents d`, with the named parameters of `parameters`."""
        return sql.SQL(
            "(%(sources)s::text[] = '{}' OR d.source = ANY(%(sources)s)) "
            "AND (%(generations)s::text[] IS NULL OR d.generations && %(generations)s::text[])"
        )

    @property
    def parameters(self) -> dict[str, object]:
        """The values for `condition`."""
        generations = None if self.generation is None else list({self.generation, *self._speak_of_it})
        return {"sources": list(self.sources), "generations": generations}

    @property
    def narrow(self) -> bool:
        """Whether there is anything that may not be found."""
        return bool(self.sources) or self.generation is not None

    @property
    def _speak_of_it(self) -> tuple[str, ...]:
        return () if self.generation == UNTAGGED else (ALL,)


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, by its best chunk.

    Attributes:
        breadcrumb: where the chunk is: section path > title > heading.
        url: what to show a reader; the source_url where the source has no pages.
        excerpt: the part of the chunk that fits the question, its words between MARK_START and MARK_END.
        score: of the fusion; only the order means something.
    """

    title: str
    breadcrumb: str
    url: str
    source: str
    source_url: str
    doc_type: str
    generations: Sequence[str]
    deprecated: bool
    excerpt: str
    content: str
    score: float


def search(
    conn: Connection, question: str, vector: Vectors, model: Model, filters: Filters, limit: int = 5
) -> list[Hit]:
    """The documents that answer a question best, best first, each once.

    Args:
        vector: of the question, by `model`: shape (1, dimensions).
    """
    question = question.replace("\0", " ")  # which PostgreSQL has no way to hold
    lists = [
        _semantic_candidates(conn, vector, model, filters),
        lexical_candidates(conn, question, filters.condition, filters.parameters, _CANDIDATES),
    ]
    best = fuse(lists)[:limit]
    return _hits(conn, question, best)


def fuse(lists: Iterable[Sequence[ChunkKey]]) -> list[tuple[ChunkKey, float]]:
    """Documents by their fused score, each with the chunk that did most for it.

    In each list a document counts once, by its best chunk: a long page must not win by its many chunks.
    """
    scores: dict[str, float] = {}
    best: dict[str, tuple[float, ChunkKey]] = {}
    for ranked in lists:
        seen: set[str] = set()
        for key in ranked:
            source_url = key[0]
            if source_url in seen:
                continue
            seen.add(source_url)
            score = 1 / (_RRF_K + len(seen))
            scores[source_url] = scores.get(source_url, 0.0) + score
            if source_url not in best or score > best[source_url][0]:
                best[source_url] = (score, key)
    return sorted(((best[url][1], score) for url, score in scores.items()), key=lambda pair: (-pair[1], pair[0]))


def _semantic_candidates(conn: Connection, vector: Vectors, model: Model, filters: Filters) -> list[ChunkKey]:
    # The model is a literal, or PostgreSQL cannot prove that its partial index applies. An iterative scan goes on
    # until enough rows pass the filters; without it a narrow filter would find nothing among the nearest hundred.
    kind, _ = vector_type(model.dimensions)
    query = sql.SQL(
        """
        SELECT c.source_url, c.ordinal
        FROM embeddings e JOIN chunks c USING (content_hash) JOIN documents d USING (source_url)
        WHERE e.model = {model} AND {filters}
        ORDER BY e.embedding::{kind} <=> %(vector)s::{kind}, c.source_url, c.ordinal
        LIMIT %(limit)s
        """
    ).format(model=sql.Literal(model.name), filters=filters.condition, kind=sql.SQL(kind))
    text = "[" + ",".join(map(str, vector[0].tolist())) + "]"
    parameters = {**filters.parameters, "vector": text, "limit": _CANDIDATES}
    with conn.transaction():
        conn.execute("SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = 100")
        rows = conn.execute(query, parameters, prepare=False).fetchall()
        if len(rows) < _CANDIDATES and filters.narrow:
            # The scan ends after hnsw.max_scan_tuples (20,000), or when its memory is used up. What lies further away
            # than those is found without the index: so little passes the filter that comparing all of it is quick.
            conn.execute("SET LOCAL enable_indexscan = off")
            rows = conn.execute(query, parameters, prepare=False).fetchall()
        return [(source_url, ordinal) for source_url, ordinal in rows]


def _hits(conn: Connection, question: str, best: Sequence[tuple[ChunkKey, float]]) -> list[Hit]:
    rows = conn.execute(
        """
        SELECT d.title, c.context_header, coalesce(d.display_url, d.source_url), d.source, d.source_url, d.doc_type,
               d.generations, d.deprecated,
               ts_headline('english', c.content,
                           replace(plainto_tsquery('english', %s)::text, ' & ', ' | ')::tsquery,
                           'MaxFragments=1, MinWords=20, MaxWords=45, StartSel=' || %s || ', StopSel=' || %s),
               c.content, k.score
        FROM unnest(%s::text[], %s::int[], %s::float[]) AS k (source_url, ordinal, score)
        JOIN chunks c USING (source_url, ordinal) JOIN documents d USING (source_url)
        ORDER BY k.score DESC, d.source_url
        """,
        [
            question,
            MARK_START,
            MARK_END,
            [key[0] for key, _ in best],
            [key[1] for key, _ in best],
            [score for _, score in best],
        ],
    )
    return [Hit(*row) for row in rows]
