"""Everything that can be known to be wrong before work starts, found at once."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

from bbj_assets.embedding import create_embedder
from bbj_assets.embedding.batches import probe
from bbj_assets.errors import ConfigurationError, DatabaseError, EmbeddingError
from bbj_assets.settings import Settings, load_sources
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.models import ensure_model


@contextmanager
def validated(settings: Settings, names: tuple[str, ...]) -> Iterator[tuple[tuple[Source, ...], str]]:
    """Check sources, database and embedder (one test embedding); gives the sources and the database's URL.

    The embedded database stays up for the length of the `with`.

    Raises:
        ConfigurationError: every problem that there is.
    """
    problems: list[str] = []
    sources: tuple[Source, ...] = ()
    try:
        sources = load_sources(settings).select(names)
    except ConfigurationError as error:
        problems += error.problems
    dimensions: int | None = None
    try:
        dimensions = asyncio.run(_test_embedding(settings))
    except EmbeddingError as error:
        problems.append(str(error))
    try:
        with database(settings) as url:
            if dimensions is not None:
                try:
                    with connect(url) as conn:
                        ensure_model(conn, create_embedder(settings).model, dimensions)
                except EmbeddingError as error:
                    problems.append(str(error))
            if problems:
                raise ConfigurationError(problems)
            yield sources, url
    except DatabaseError as error:
        raise ConfigurationError([*problems, str(error)]) from error


async def _test_embedding(settings: Settings) -> int:
    async with aclosing(create_embedder(settings)) as embedder:
        return await probe(embedder)
