"""Search by words: the chunks that have the words of a question, rare words counting most.

PostgreSQL ranks by the frequency of words in a text and ignores how rare they are in the corpus, so "run JavaScript in
a BBjHtmlView" would find texts with "run". The inverse document frequency is taken from the planner's statistics
(ANALYZE keeps the frequency of the most common lexemes), so nothing is counted at query time.
"""

import math
from collections.abc import Mapping

from psycopg import sql

from bbj_assets.store.connection import Connection

_COMMON = 0.1  # a word in a larger share of the chunks than this finds no chunk by itself, it only ranks
_MAX_LEXEMES = 128  # the first ones of a question, enough even for a pasted page

_TEXT_WEIGHT, _HEADER_WEIGHT = 0.1, 0.2
"""A word in the header (section path > title > heading) counts as two in the text.

With PostgreSQL's default of 1.0, one word in the name of a package or in a title beats a text that has all the other
words. Measured on 36 questions about BASIS's Javadoc and two sets of tutorials, a right page was among the first three
for 15 questions with 1.0, 18 with 0.3 and 21 with 0.2 by words alone; fused with vectors for 22, 24 and 26. Names of
classes stay first either way.
"""


def split_words(text: sql.Composable) -> sql.Composed:
    """Return an SQL expression for a text whose words are separated as in the column `chunks.search_vector`.

    PostgreSQL's parser takes `window.title` for a host and `bui/dwc` for a path, one word each.
    """
    return sql.SQL("replace(replace({}, '.', ' '), '/', ' ')").format(text)


def lexical_candidates(
    conn: Connection, question: str, condition: sql.SQL, parameters: Mapping[str, object], limit: int
) -> list[tuple[str, int]]:
    """Return the keys of the best chunks by words, best first.

    Args:
        condition: a condition on `documents d`, which uses the named `parameters`.
    """
    weights = _weights(conn, question)
    if not weights:
        return []
    rare = [lexeme for lexeme, weight in weights.items() if weight >= -math.log(_COMMON)] or list(weights)
    query = sql.SQL(
        """
        SELECT c.source_url, c.ordinal
        FROM chunks c JOIN documents d USING (source_url),
        LATERAL (
            SELECT sum(
                weight * ts_rank(%(by_label)s::float4[], c.search_vector, quote_literal(lexeme)::tsquery, 1)
            ) AS score
            FROM unnest(%(lexemes)s::text[], %(weights)s::float[]) AS w (lexeme, weight)
        ) AS ranked
        WHERE c.search_vector @@ (
            SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery FROM unnest(%(rare)s::text[]) AS lexeme
        ) AND {condition}
        ORDER BY score DESC, c.source_url, c.ordinal
        LIMIT %(limit)s
        """
    ).format(condition=condition)
    rows = conn.execute(
        query,
        {
            **parameters,
            "lexemes": list(weights),
            "weights": list(weights.values()),
            "rare": rare,
            "by_label": [_TEXT_WEIGHT, _TEXT_WEIGHT, _TEXT_WEIGHT, _HEADER_WEIGHT],  # of D, C, B, A
            "limit": limit,
        },
    )
    return [(source_url, ordinal) for source_url, ordinal in rows]


def _weights(conn: Connection, question: str) -> dict[str, float]:
    """Return the lexemes of a question with their inverse document frequencies, -ln(share of chunks that have it)."""
    query = sql.SQL(
        """
        WITH common AS (
            SELECT lexeme, frequency
            FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS s (lexeme, frequency)
            WHERE schemaname = current_schema() AND tablename = 'chunks' AND attname = 'search_vector'
        )
        SELECT q.lexeme, coalesce(frequency, (SELECT min(frequency) FROM common) / 2, 0.001)
        FROM unnest(to_tsvector('english', {question})) AS q (lexeme, positions)
        LEFT JOIN common USING (lexeme)
        ORDER BY positions[1]
        LIMIT %s
        """
    ).format(question=split_words(sql.Placeholder()))
    rows = conn.execute(query, [question, _MAX_LEXEMES])
    return {lexeme: -math.log(min(max(frequency, 1e-6), 0.999)) for lexeme, frequency in rows}
