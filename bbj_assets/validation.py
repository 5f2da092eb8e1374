"""Check settings, sources, database and embedder before work starts, and report every problem at once."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass

from bbj_assets.embedding.embedders import create_embedder, model_name
from bbj_assets.embedding.in_use import settings_in_use
from bbj_assets.embedding.runner.batches import probe
from bbj_assets.errors import DatabaseError, EmbeddingError
from bbj_assets.problems import Problems
from bbj_assets.settings import Settings, read_settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable, load_sources
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.database import database
from bbj_assets.store.models import active_model, ensure_model, note_embedder


@dataclass(frozen=True, slots=True)
class Validated:
    """What a run needs, and was found to work.

    Attributes:
        sources: the selected ones of the table.
        url: the database.
    """

    settings: Settings
    table: SourceTable
    sources: tuple[Source, ...]
    url: str


@contextmanager
def validated(names: tuple[str, ...], **overrides: object) -> Iterator[Validated]:
    """Check settings, the named sources (all for no name), the database and the embedder (with one test embedding).

    The embedded database stays up for the length of the `with`.

    Args:
        overrides: settings that take precedence over the environment.

    Raises:
        ConfigurationError: every problem that was found.
    """
    settings, wrong = read_settings(**overrides)
    problems = Problems(list(wrong.values()))
    is_embedder_known = wrong.keys().isdisjoint({"embedder", "embedding_model"})
    with problems.collecting():
        _check_schedule(settings)
    with problems.collecting():
        table = load_sources(settings, wanted=names)
        if not table.sources:
            problems.add(f"{table.file}: every source is disabled. Set `enabled = true` in the table of one.")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(database(settings))
            with connect(url) as conn:
                if is_embedder_known:
                    _register_model(conn, settings)
        except EmbeddingError as error:
            problems.add(str(error))
        except DatabaseError as error:
            if is_embedder_known:
                problems.extend(_embedder_problems(settings))
            problems.add(str(error))
        problems.raise_if_any()
        yield Validated(settings, table, table.select(names), url)


def _check_schedule(settings: Settings) -> None:
    if settings.visit_schedule != Settings.model_fields["visit_schedule"].default:
        from bbj_assets.defs.schedules import require_cron  # importing Dagster takes seconds, and is seldom needed

        require_cron(settings)


def _register_model(conn: Connection, settings: Settings) -> None:
    used = settings_in_use(settings, active_model(conn))
    dimensions = asyncio.run(_test_embedding(used))
    name = model_name(used)
    ensure_model(conn, name, dimensions)
    note_embedder(conn, name, used.embedder)


def _embedder_problems(settings: Settings) -> list[str]:
    try:
        asyncio.run(_test_embedding(settings))
    except EmbeddingError as error:
        return [str(error)]
    return []


async def _test_embedding(settings: Settings) -> int:
    async with aclosing(create_embedder(settings)) as embedder:
        return await probe(embedder)
