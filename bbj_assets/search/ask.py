"""A question from start to answer: the embedder warms up while the database does."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import create_embedder
from bbj_assets.embedding.embedders.embedder import checked
from bbj_assets.embedding.in_use import settings_in_use
from bbj_assets.errors import ConfigurationError
from bbj_assets.search.hybrid import Filters, Hit, search
from bbj_assets.settings import Settings
from bbj_assets.store.connection import connect
from bbj_assets.store.corpus import stored_sources
from bbj_assets.store.database import database
from bbj_assets.store.models import active_model


def ask(settings: Settings, question: str, filters: Filters, limit: int) -> list[Hit]:
    """Answer a question with the active model.

    Raises:
        ConfigurationError: nothing is indexed, or nothing of a source that is asked for, or what gives the active
            model's vectors is not known.
        DatabaseError: the database cannot be reached.
        EmbeddingError: the question cannot be embedded.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        embedded = pool.submit(_embed, settings, question)
        with database(settings) as url, connect(url) as conn:
            model = active_model(conn)
            if model is None or not conn.execute("SELECT FROM chunks LIMIT 1").fetchall():
                raise ConfigurationError(["Nothing is indexed yet. Run `make ingest` or `bbj-ingest-all`."])
            _refuse_unknown(filters.sources, stored_sources(conn))
            used = settings_in_use(settings, model)
            name, vector = embedded.result() if used is settings else _embed(used, question)
            if name != model.name:
                problem = (
                    f"The index is searched with the model {model.name!r}, and {name!r} is configured. Set "
                    "BBJ_ASSETS_EMBEDDER and BBJ_ASSETS_EMBEDDING_MODEL to the one that filled it."
                )
                raise ConfigurationError([problem])
            return search(conn, question, vector, model, filters, limit)


def _refuse_unknown(wanted: Sequence[str], stored: Sequence[str]) -> None:
    problems = [
        f"Nothing is indexed of a source {name!r}. The index has: {', '.join(stored)}."
        for name in wanted
        if name not in stored
    ]
    if problems:
        raise ConfigurationError(problems)


def _embed(settings: Settings, question: str) -> tuple[str, Vectors]:
    async def embed() -> tuple[str, Vectors]:
        async with aclosing(create_embedder(settings)) as embedder:
            return embedder.model, checked(await embedder.embed([question]), [question], None)

    return asyncio.run(embed())
