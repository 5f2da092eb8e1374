"""Hybrid search: the chunks nearest in meaning and those with the words of the question, fused by rank.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): a document's score is the sum of 1/(60 + rank) over the lists
that contain it. It needs no common scale for distances and word scores, and a list may be empty. On the 36 questions
that `lexical` was measured with, other constants than 60 and other weights of the lists gained or lost one or two
questions: no more than chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from bbj_assets.documents import Vectors
from bbj_assets.enrichment.generations import ALL, UNTAGGED
from bbj_assets.search.lexical import lexical_candidates, split_words
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import Model
from bbj_assets.store.vector_index import vector_type

_CANDIDATES = 60
_RRF_K = 60
MARK_START, MARK_END = "\ue000", "\ue001"
"""They enclose the words of the question in `Hit.excerpt`. No text uses these characters."""

ChunkKey = tuple[str, int]
"""(source_url, ordinal)"""


@dataclass(frozen=True, slots=True)
class Filters:
    """The documents that may be found. A document of the generation `all` passes every generation but `untagged`.

    Attributes:
        sources: names of sources; empty for all of them.
        generation: a generation of BBj; None for all of them.
    """

    sources: Sequence[str] = ()
    generation: str | None = None

    @property
    def condition(self) -> sql.SQL:
        """Return the condition on `documents d`, which uses the named parameters of `parameters`."""
        return sql.SQL(
            "(%(sources)s::text[] = '{}' OR d.source = ANY(%(sources)s)) "
            "AND (%(generations)s::text[] IS NULL OR d.generations && %(generations)s::text[])"
        )

    @property
    def parameters(self) -> dict[str, object]:
        """Return the values of the parameters of `condition`."""
        generations = None if self.generation is None else list({self.generation, *self._wider_generations})
        return {"sources": list(self.sources), "generations": generations}

    @property
    def narrow(self) -> bool:
        """Return whether the filters may exclude a document."""
        return bool(self.sources) or self.generation is not None

    @property
    def _wider_generations(self) -> tuple[str, ...]:
        return () if self.generation == UNTAGGED else (ALL,)


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, with its best chunk.

    Attributes:
        breadcrumb: the place of the chunk: section path > title > heading.
        url: the URL to show to a reader; the source_url if the source has no pages.
        excerpt: the part of the chunk that fits the question. Words of the question stand between MARK_START and
            MARK_END.
        content: the text of the chunk.
        score: the score of the fusion; only its order has a meaning.
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
    conn: Connection, question: str, vector: Vectors, model: Model, filters: Filters, *, limit: int = 5
) -> list[Hit]:
    """Return the documents that answer a question best, best first, each once.

    Args:
        vector: the vector of the question by `model`, of shape (1, dimensions).
    """
    question = question.replace("\0", " ")  # PostgreSQL cannot hold NUL
    lists = [
        _semantic_candidates(conn, vector, model, filters),
        lexical_candidates(conn, question, filters.condition, filters.parameters, _CANDIDATES),
    ]
    best = fuse(lists)[:limit]
    return _hits(conn, question, best)


def fuse(lists: Iterable[Sequence[ChunkKey]]) -> list[tuple[ChunkKey, float]]:
    """Return the fused score of each document, best first, with the chunk that contributes most to it.

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
    # The model is a literal, because otherwise PostgreSQL cannot prove that its partial index applies. An iterative
    # scan goes on until enough rows pass the filters; without it a narrow filter may find no row among the nearest 100.
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
            # The scan ends after hnsw.max_scan_tuples (20,000), or when its memory is used up. Rows that are further
            # away are found without the index. So few rows pass such a filter that comparing all of them is fast.
            conn.execute("SET LOCAL enable_indexscan = off")
            rows = conn.execute(query, parameters, prepare=False).fetchall()
        return [(source_url, ordinal) for source_url, ordinal in rows]


def _hits(conn: Connection, question: str, best: Sequence[tuple[ChunkKey, float]]) -> list[Hit]:
    # The words to mark are those of the question as it is, because the excerpt has `window.title` as one word, and
    # those by which the chunks were found.
    query = sql.SQL(
        """
        SELECT d.title, c.context_header, coalesce(d.display_url, d.source_url), d.source, d.source_url, d.doc_type,
               d.generations, d.deprecated, ts_headline('english', c.content, marked.words, %(options)s),
               c.content, k.score
        FROM unnest(%(urls)s::text[], %(ordinals)s::int[], %(scores)s::float[]) AS k (source_url, ordinal, score)
        JOIN chunks c USING (source_url, ordinal) JOIN documents d USING (source_url),
        (
            SELECT replace(
                (plainto_tsquery('english', {question}) || plainto_tsquery('english', {split_question}))::text,
                ' & ', ' | '
            )::tsquery AS words
        ) AS marked
        ORDER BY k.score DESC, d.source_url
        """
    ).format(question=(text := sql.Placeholder("question")), split_question=split_words(text))
    rows = conn.execute(
        query,
        {
            "question": question,
            "options": f"MaxFragments=1, MinWords=20, MaxWords=45, StartSel={MARK_START}, StopSel={MARK_END}",
            "urls": [key[0] for key, _ in best],
            "ordinals": [key[1] for key, _ in best],
            "scores": [score for _, score in best],
        },
    )
    return [Hit(*row) for row in rows]
