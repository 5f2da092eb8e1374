"""Change the embedding model with no downtime: add, activate and remove models.

A model is filled beside the active one, which search goes on using. Then one statement makes it the active one, and
another one goes back.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

from bbj_assets.embedding.embedders import create_embedder
from bbj_assets.embedding.options import batch_options
from bbj_assets.embedding.runner.batches import EmbeddingTask, embed_pending, probe
from bbj_assets.errors import ConfigurationError
from bbj_assets.progress import ProgressOfSources
from bbj_assets.reports import Coverage
from bbj_assets.settings import Settings
from bbj_assets.store import models as table
from bbj_assets.store.connection import connect
from bbj_assets.store.corpus import stored_sources
from bbj_assets.store.database import database
from bbj_assets.store.documents import stored_partitions
from bbj_assets.store.locks import index_lock
from bbj_assets.store.vector_index import drop_index, refresh_index


@dataclass(frozen=True, slots=True)
class CoveredModel:
    """A model, and how many of the chunks have one of its vectors."""

    model: table.Model
    coverage: Coverage

    def as_json(self) -> dict[str, object]:
        """Return the model as plain data."""
        return {
            "name": self.model.name,
            "embedder": self.model.embedder,
            "dimensions": self.model.dimensions,
            "active": self.model.active,
            "chunks": self.coverage.chunks,
            "embedded": self.coverage.embedded,
        }


def list_models(settings: Settings) -> list[CoveredModel]:
    """Return every model of the index."""
    with database(settings) as url, connect(url) as conn:
        return [CoveredModel(model, table.model_coverage(conn, model.name)) for model in table.all_models(conn)]


def add_model(settings: Settings, progress: ProgressOfSources) -> CoveredModel:
    """Embed every chunk with the configured embedder, beside the active model. Existing vectors are kept.

    Raises:
        EmbeddingError: the embedder is unavailable. What was embedded is stored, and adding the model again does the
            rest.
        EmbedderMisconfigured: the model has vectors of another embedder.
    """
    with database(settings) as url:
        name = asyncio.run(_embed_all(settings, url, progress))
        with connect(url) as conn:
            refresh_index(conn, timedelta(days=settings.orphan_grace_days))
            return CoveredModel(table.known_model(conn, name), table.model_coverage(conn, name))


async def _embed_all(settings: Settings, url: str, progress: ProgressOfSources) -> str:
    """Embed every source with one embedder, which a local model takes seconds to load; return the model's name."""
    async with aclosing(create_embedder(settings)) as embedder:
        with connect(url) as conn:
            table.refuse_second_embedder(conn, embedder.model, settings.embedder)
            table.ensure_model(conn, embedder.model, await probe(embedder))
            table.note_embedder(conn, embedder.model, settings.embedder)
            partitions = {source: stored_partitions(conn, source) for source in stored_sources(conn)}
        for source, keys in partitions.items():
            task = EmbeddingTask(source=source, partitions=keys)
            await embed_pending(url, embedder, task, batch_options(settings), progress.of(source))
        return embedder.model


def activate_model(settings: Settings, name: str, *, force: bool) -> table.Model | None:
    """Make search use a model, and return the one that it used before.

    Raises:
        ConfigurationError: the model does not exist, does not have a vector for every chunk (unless `force`), or was
            removed while the index was being built.
    """
    with database(settings) as url, connect(url) as conn:
        model = table.known_model(conn, name)
        coverage = table.model_coverage(conn, name)
        if not coverage.is_complete and not force:
            raise ConfigurationError([_incomplete(model, coverage)])
        with index_lock(conn):  # held to the end, so that the index that is built is not dropped
            refresh_index(conn, timedelta(days=settings.orphan_grace_days))
            before = table.active_model(conn)
            table.activate_model(conn, name)
    return before


def remove_model(settings: Settings, name: str) -> int:
    """Delete a model and its vectors, and return their number.

    Raises:
        ConfigurationError: the model does not exist, or search uses it.
    """
    with database(settings) as url, connect(url) as conn:
        table.removable_model(conn, name)  # refuse at once, not after minutes in which another index is built
        with index_lock(conn):
            drop_index(conn, table.removable_model(conn, name))
            return table.remove_model(conn, name)


def _incomplete(model: table.Model, coverage: Coverage) -> str:
    embedder = f" --embedder {model.embedder}" if model.embedder else ""
    return (
        f"The model {model.name!r} has vectors for {coverage.embedded:,} of {coverage.chunks:,} chunks, and search "
        f"would not find the others by meaning. Fill it with `bbj-assets models add {model.name}{embedder}`, or use "
        "--force."
    )
