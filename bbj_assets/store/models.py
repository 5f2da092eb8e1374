"""The `models`: which embedding models the index has vectors of, and which one search uses."""

from dataclasses import dataclass

from bbj_assets.errors import ConfigurationError, EmbedderMisconfigured
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the name under which its vectors are stored.

    Attributes:
        embedder: which one gives its vectors (`ollama`, `openai`, `embedded`), where that is known.
    """

    name: str
    dimensions: int
    active: bool
    embedder: str | None = None


def ensure_model(conn: Connection, name: str, dimensions: int) -> Model:
    """Register a model; the first one becomes the active one.

    Raises:
        EmbedderMisconfigured: it is registered with other dimensions, so it is another model by the same name.
    """
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO models (name, dimensions, active)
            VALUES (%s, %s, NOT EXISTS (SELECT FROM models WHERE active))
            ON CONFLICT DO NOTHING
            """,
            [name, dimensions],
        )
        # Of two first models that are registered at once, the other one may have become active.
        conn.execute("INSERT INTO models (name, dimensions) VALUES (%s, %s) ON CONFLICT DO NOTHING", [name, dimensions])
    model = find_model(conn, name)
    if model is None:
        raise EmbedderMisconfigured(f"The model {name!r} was removed from the index while it was being registered.")
    if model.dimensions != dimensions:
        raise EmbedderMisconfigured(
            f"The model {name!r} gives vectors of {dimensions} dimensions, and the index has {model.dimensions} "
            "for it. It is another model under the same name: set BBJ_ASSETS_EMBEDDING_MODEL to the one that "
            "filled the index, or to a new name."
        )
    return model


def note_embedder(conn: Connection, name: str, embedder: str) -> None:
    """Note which embedder gives a model's vectors, if that is not known yet.

    Raises:
        EmbedderMisconfigured: it is another one.
    """
    conn.execute("UPDATE models SET embedder = %s WHERE name = %s AND embedder IS NULL", [embedder, name])
    refuse_second_embedder(conn, name, embedder)


def refuse_second_embedder(conn: Connection, name: str, embedder: str) -> None:
    """Refuse to fill a model with vectors that are not to be compared with those that it has.

    Two servers may have different models under one name, or the same one in another quality.

    Raises:
        EmbedderMisconfigured: another embedder is known to give the model's vectors.
    """
    model = find_model(conn, name)
    if model is not None and model.embedder not in (None, embedder):
        raise EmbedderMisconfigured(
            f"The vectors of the model {name!r} were made by the embedder {model.embedder!r}, and those of "
            f"{embedder!r} may mean something else. Fill it with "
            f"`bbj-assets models add {name} --embedder {model.embedder}`, or start anew: remove it first, with "
            f"`bbj-assets models remove {name}`."
        )


def active_model(conn: Connection) -> Model | None:
    """The model that search uses; None while nothing has been embedded."""
    row = conn.execute("SELECT name, dimensions, active, embedder FROM models WHERE active").fetchone()
    return Model(*row) if row else None


def find_model(conn: Connection, name: str) -> Model | None:
    """The model of this name, if it is registered."""
    row = conn.execute("SELECT name, dimensions, active, embedder FROM models WHERE name = %s", [name]).fetchone()
    return Model(*row) if row else None


def known_model(conn: Connection, name: str) -> Model:
    """The model of this name.

    Raises:
        ConfigurationError: the index has none; the message names those that it has.
    """
    model = find_model(conn, name)
    if model is None:
        known = ", ".join(model.name for model in all_models(conn)) or "none"
        raise ConfigurationError([f"The index has no model {name!r}. Its models: {known}."])
    return model


def removable_model(conn: Connection, name: str) -> Model:
    """The model of this name, which search does not use.

    Raises:
        ConfigurationError: there is no such model, or search uses it.
    """
    model = known_model(conn, name)
    if model.active:
        raise ConfigurationError(
            [f"The model {name!r} is the one that search uses. Activate another one first: bbj-assets models"]
        )
    return model


def all_models(conn: Connection) -> list[Model]:
    """Every model, by name."""
    return [Model(*row) for row in conn.execute("SELECT name, dimensions, active, embedder FROM models ORDER BY name")]


def model_coverage(conn: Connection, name: str) -> Coverage:
    """How far a model is, over all sources."""
    row = conn.execute(
        "SELECT count(*), count(e.content_hash) FROM chunks c "
        "LEFT JOIN embeddings e ON e.model = %s AND e.content_hash = c.content_hash",
        [name],
    ).fetchone()
    return Coverage(*row) if row else Coverage(0, 0)


def activate_model(conn: Connection, name: str) -> None:
    """Make search use this model, from one moment to the next.

    Raises:
        ConfigurationError: there is no such model; search goes on with the one that it uses.
    """
    with conn.transaction():
        _keep_models_as_they_are(conn)
        known_model(conn, name)
        # One statement would not do: the index that allows one active model is asked at each row, in whatever order.
        conn.execute("UPDATE models SET active = false WHERE active AND name <> %s", [name])
        conn.execute("UPDATE models SET active = true WHERE name = %s", [name])


def remove_model(conn: Connection, name: str) -> int:
    """Forget a model with its vectors; gives their number.

    Raises:
        ConfigurationError: there is no such model, or search uses it.
    """
    with conn.transaction():
        _keep_models_as_they_are(conn)
        removable_model(conn, name)
        vectors = conn.execute("DELETE FROM embeddings WHERE model = %s", [name]).rowcount
        conn.execute("DELETE FROM failures WHERE stage = 'embed' AND model = %s", [name])
        conn.execute("DELETE FROM models WHERE name = %s", [name])
    return vectors


def _keep_models_as_they_are(conn: Connection) -> None:
    """Until the end of the transaction nobody else changes a model; search and those who store vectors go on.

    What is read from here on stays true, also of rows that are not there yet.
    """
    conn.execute("LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE")
