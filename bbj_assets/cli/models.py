"""`bbj-assets models`: change the embedding model with no downtime.

A model is filled beside the active one, which search goes on using; then one statement makes it the active one, and
another one goes back.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from bbj_assets.embedding.embedders import create_embedder
from bbj_assets.embedding.runner.batches import BatchOptions, EmbeddingTask, embed_pending, probe
from bbj_assets.errors import ConfigurationError
from bbj_assets.progress import Silent, Stage
from bbj_assets.reports import Coverage
from bbj_assets.settings import Settings
from bbj_assets.store.connection import connect
from bbj_assets.store.corpus import stored_sources
from bbj_assets.store.database import database
from bbj_assets.store.documents import stored_partitions
from bbj_assets.store.locks import index_lock
from bbj_assets.store.models import (
    Model,
    activate_model,
    active_model,
    all_models,
    ensure_model,
    known_model,
    model_coverage,
    note_embedder,
    refuse_second_embedder,
    removable_model,
    remove_model,
)
from bbj_assets.store.vector_index import drop_index, refresh_index


@dataclass(frozen=True, slots=True)
class CoveredModel:
    """A model, and how many of the chunks have a vector of it."""

    model: Model
    coverage: Coverage

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.model.name,
            "embedder": self.model.embedder,
            "dimensions": self.model.dimensions,
            "active": self.model.active,
            "chunks": self.coverage.chunks,
            "embedded": self.coverage.embedded,
        }


def covered_models(settings: Settings) -> list[CoveredModel]:
    """Every model of the index."""
    with database(settings) as url, connect(url) as conn:
        return [CoveredModel(model, model_coverage(conn, model.name)) for model in all_models(conn)]


def add_model(settings: Settings, on_progress: Callable[[str, int, int], None]) -> CoveredModel:
    """Embed every chunk with the configured embedder, beside the active model; what has a vector already is left.

    Args:
        on_progress: called with (source, texts done, texts in all).

    Raises:
        EmbeddingError: the embedder is not there; what was embedded is stored, and adding it again does the rest.
        EmbedderMisconfigured: the model has vectors of another embedder.
    """
    embedder = create_embedder(settings)
    with database(settings) as url, connect(url) as conn:
        refuse_second_embedder(conn, embedder.model, settings.embedder)
        ensure_model(conn, embedder.model, asyncio.run(_dimensions(settings)))
        note_embedder(conn, embedder.model, settings.embedder)
        options = BatchOptions(
            workers=settings.embedding_workers,
            batch_size=settings.embedding_batch_size,
            initial_delay=settings.embedding_retry_seconds,
        )
        for source in stored_sources(conn):
            asyncio.run(_fill(settings, url, source, stored_partitions(conn, source), options, on_progress))
        refresh_index(conn, timedelta(days=settings.orphan_grace_days))
        return CoveredModel(known_model(conn, embedder.model), model_coverage(conn, embedder.model))


def activate(settings: Settings, name: str, *, force: bool) -> Model | None:
    """Make search use a model; gives the one that it used before.

    Raises:
        ConfigurationError: there is no such model, or it has not a vector for every chunk (and no `force`), or it was
            removed while the index was being built.
    """
    with database(settings) as url, connect(url) as conn:
        model = known_model(conn, name)
        coverage = model_coverage(conn, name)
        if not coverage.is_complete and not force:
            problem = (
                f"The model {name!r} has vectors for {coverage.embedded:,} of {coverage.chunks:,} chunks, and "
                f"search would not find the others by meaning. Fill it with `bbj-assets models add {name}"
                f"{f' --embedder {model.embedder}' if model.embedder else ''}`, or use --force."
            )
            raise ConfigurationError([problem])
        with index_lock(conn):  # to the end, so that nobody drops what was built
            refresh_index(conn, timedelta(days=settings.orphan_grace_days))
            before = active_model(conn)
            activate_model(conn, name)
    return before


def remove(settings: Settings, name: str) -> int:
    """Delete a model and its vectors; gives their number.

    Raises:
        ConfigurationError: there is no such model, or search uses it.
    """
    with database(settings) as url, connect(url) as conn:
        removable_model(conn, name)  # said at once, not after minutes in which another index is built
        with index_lock(conn):
            drop_index(conn, removable_model(conn, name))
            return remove_model(conn, name)


@contextmanager
def showing_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far each source is while a model is filled: on stderr, so that output can be piped."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(source: str, done: int, total: int) -> None:
            if source not in tasks:
                tasks[source] = progress.add_task(source, total=total)
            progress.update(tasks[source], completed=done)

        yield show


def print_models(models: list[CoveredModel]) -> None:
    """A table, for people."""
    console = Console(highlight=False)
    if not models:
        console.print("Nothing is embedded yet. Run `make ingest` or `bbj-ingest-all`.")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in ("Model", "Embedder", "Dimensions", "Chunks embedded", ""):
        table.add_column(heading, justify="right" if heading in ("Dimensions", "Chunks embedded") else "left")
    for covered in models:
        coverage = covered.coverage
        table.add_row(
            covered.model.name,
            covered.model.embedder or "",
            str(covered.model.dimensions),
            f"{coverage.embedded:,} of {coverage.chunks:,}",
            "active" if covered.model.active else "",
        )
    console.print(table)


async def _dimensions(settings: Settings) -> int:
    async with aclosing(create_embedder(settings)) as embedder:
        return await probe(embedder)


async def _fill(
    settings: Settings,
    url: str,
    source: str,
    partitions: set[str],
    options: BatchOptions,
    on_progress: Callable[[str, int, int], None],
) -> None:
    async with aclosing(create_embedder(settings)) as embedder:
        task = EmbeddingTask(source=source, partitions=partitions)
        await embed_pending(url, embedder, task, options, _Filling(source, on_progress))


class _Filling(Silent):
    def __init__(self, source: str, on_progress: Callable[[str, int, int], None]) -> None:
        self._source = source
        self._on_progress = on_progress

    def advance(self, stage: Stage, done: int, total: int) -> None:  # noqa: ARG002
        self._on_progress(self._source, done, total)
