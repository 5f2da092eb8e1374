"""The embedder in use: the one of the active model.

For an index without a model, the environment decides. After that the index does. Otherwise, after the
activation of another model, search would fail until the environment of every program is changed.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from bbj_assets.embedding.embedders import create_embedder, model_name
from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.settings import Settings
from bbj_assets.store.connection import connect
from bbj_assets.store.models import Model, active_model, note_embedder, refuse_second_embedder
from bbj_assets.store.outages import explaining


@asynccontextmanager
async def embedder_in_use(settings: Settings, url: str) -> AsyncIterator[Embedder]:
    """Open the embedder that fills the index at `url`, and record it as the embedder of its model.

    Raises:
        EmbedderMisconfigured: it cannot work as configured, or the model was filled by another embedder.
        DatabaseUnavailable: the database cannot be reached at the moment.
    """
    with explaining("look up the active model", url), connect(url) as conn:
        used = settings_in_use(settings, active_model(conn))
        refuse_second_embedder(conn, model_name(used), used.embedder)
    async with aclosing(create_embedder(used)) as embedder:
        yield embedder
    with explaining("note the embedder of the model", url), connect(url) as conn:
        note_embedder(conn, embedder.model, used.embedder)


def settings_in_use(settings: Settings, active: Model | None) -> Settings:
    """Return the settings with the embedder of the active model.

    They are returned unchanged if they name that embedder already, or if it is not known.
    """
    if active is None or active.embedder is None:
        return settings
    if (active.embedder, active.name) == (settings.embedder, model_name(settings)):
        return settings
    return settings.model_copy(update={"embedder": active.embedder, "embedding_model": active.name})
