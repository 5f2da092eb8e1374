"""Everything that can be known to be wrong before work starts, found at once."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager

from bbj_assets.embedding.embedders import create_embedder, model_name
from bbj_assets.embedding.in_use import settings_in_use
from bbj_assets.embedding.runner.batches import probe
from bbj_assets.errors import ConfigurationError, DatabaseError, EmbeddingError
from bbj_assets.settings import Settings, SourcesConfig, load_sources, read_settings
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.database import database
from bbj_assets.store.models import active_model, ensure_model, note_embedder


@contextmanager
def validated(
    names: tuple[str, ...], **given: object
) -> Iterator[tuple[Settings, SourcesConfig, tuple[Source, ...], str]]:
    """Check settings, the named sources (all for no name), database and embedder (one test embedding).

    Gives the settings (the environment's, with what is given on top), the table of sources, those of it that are
    named, and the database's URL. The embedded database stays up for the length of the `with`.

    Raises:
        ConfigurationError: every problem that there is.
    """
    settings, wrong = read_settings(**given)
    problems = list(wrong.values())
    embedder_is_known = wrong.keys().isdisjoint({"embedder", "embedding_model"})
    with _adding_to(problems):
        _check_schedule(settings)
    with _adding_to(problems):
        table = load_sources(settings, wanted=names)
        if not table.sources:
            problems.append(f"{table.file}: every source is disabled. Set `enabled = true` in the table of one.")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(database(settings))
            with connect(url) as conn:
                if embedder_is_known:
                    _register_model(conn, settings)
        except EmbeddingError as error:
            problems.append(str(error))
        except DatabaseError as error:
            if embedder_is_known:
                problems += _problems_of_embedder(settings)
            raise ConfigurationError([*problems, str(error)]) from error
        if problems:
            raise ConfigurationError(problems)
        yield settings, table, table.select(names), url


@contextmanager
def _adding_to(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        problems += error.problems


def _check_schedule(settings: Settings) -> None:
    if settings.visit_schedule != Settings.model_fields["visit_schedule"].default:
        from bbj_assets.defs.schedules import require_cron  # takes as long as all the rest, and is seldom needed

        require_cron(settings)


def _register_model(conn: Connection, settings: Settings) -> None:
    used = settings_in_use(settings, active_model(conn))
    dimensions = asyncio.run(_test_embedding(used))
    name = model_name(used)
    ensure_model(conn, name, dimensions)
    note_embedder(conn, name, used.embedder)


def _problems_of_embedder(settings: Settings) -> list[str]:
    try:
        asyncio.run(_test_embedding(settings))
    except EmbeddingError as error:
        return [str(error)]
    return []


async def _test_embedding(settings: Settings) -> int:
    async with aclosing(create_embedder(settings)) as embedder:
        return await probe(embedder)
