"""The table `models`: the embedding models that the index has vectors of, and which one search uses."""

from dataclasses import dataclass

from bbj_assets.errors import ConfigurationError, EmbedderMisconfigured
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import Connection

_SELECT = b"SELECT name, dimensions, active, embedder FROM models "


@dataclass(frozen=True, slots=True)
class Model:
    """An embedding model.

    Attributes:
        name: the name under which its vectors are stored.
        dimensions: the length of its vectors.
        active: whether search uses it.
        embedder: the embedder that computes its vectors (`ollama`, `openai`, `embedded`); None if it is not known.
    """

    name: str
    dimensions: int
    active: bool
    embedder: str | None = None


def ensure_model(conn: Connection, name: str, dimensions: int) -> Model:
    """Register a model if it is new, and return it. The first model becomes the active one.

    Raises:
        EmbedderMisconfigured: the name is registered with other dimensions, so it names another model.
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
        # If two first models are registered at once, the other one may be active by now: register without `active`.
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
    """Record which embedder computes a model's vectors, if it is not known yet.

    Raises:
        EmbedderMisconfigured: another embedder computes them.
    """
    conn.execute("UPDATE models SET embedder = %s WHERE name = %s AND embedder IS NULL", [embedder, name])
    refuse_second_embedder(conn, name, embedder)


def refuse_second_embedder(conn: Connection, name: str, embedder: str) -> None:
    """Refuse to mix the vectors of two embedders under one model.

    Two servers may have different models under one name, or one model in different quantizations.

    Raises:
        EmbedderMisconfigured: another embedder computes the model's vectors.
    """
    model = find_model(conn, name)
    if model is not None and model.embedder not in (None, embedder):
        raise EmbedderMisconfigured(
            f"The vectors of the model {name!r} were made by the embedder {model.embedder!r}, and those of "
            f"{embedder!r} may not be comparable with them. Fill the model with "
            f"`bbj-assets models add {name} --embedder {model.embedder}`, or remove it first with "
            f"`bbj-assets models remove {name}`."
        )


def active_model(conn: Connection) -> Model | None:
    """Return the model that search uses; None as long as the index has no model."""
    row = conn.execute(_SELECT + b"WHERE active").fetchone()
    return Model(*row) if row else None


def find_model(conn: Connection, name: str) -> Model | None:
    """Return the model of this name, if it is registered."""
    row = conn.execute(_SELECT + b"WHERE name = %s", [name]).fetchone()
    return Model(*row) if row else None


def known_model(conn: Connection, name: str) -> Model:
    """Return the model of this name.

    Raises:
        ConfigurationError: the index has no such model; the message names the models that it has.
    """
    model = find_model(conn, name)
    if model is None:
        known = ", ".join(model.name for model in all_models(conn)) or "none"
        raise ConfigurationError([f"The index has no model {name!r}. Its models: {known}."])
    return model


def removable_model(conn: Connection, name: str) -> Model:
    """Return the model of this name, if search does not use it.

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
    """Return all models in the order of their names."""
    return [Model(*row) for row in conn.execute(_SELECT + b"ORDER BY name")]


def model_coverage(conn: Connection, name: str) -> Coverage:
    """Return the coverage of a model over all sources."""
    row = conn.execute(
        "SELECT count(*), count(e.content_hash) FROM chunks c "
        "LEFT JOIN embeddings e ON e.model = %s AND e.content_hash = c.content_hash",
        [name],
    ).fetchone()
    return Coverage(*row) if row else Coverage(0, 0)


def activate_model(conn: Connection, name: str) -> None:
    """Make search use this model, in one transaction.

    Raises:
        ConfigurationError: there is no such model; search keeps the one that it uses.
    """
    with conn.transaction():
        _lock_models(conn)
        known_model(conn, name)
        # In two statements, because the index that allows one active model is checked after each row of a statement.
        conn.execute("UPDATE models SET active = false WHERE active AND name <> %s", [name])
        conn.execute("UPDATE models SET active = true WHERE name = %s", [name])


def remove_model(conn: Connection, name: str) -> int:
    """Delete a model with its vectors and failures, and return the number of vectors.

    Raises:
        ConfigurationError: there is no such model, or search uses it.
    """
    with conn.transaction():
        _lock_models(conn)
        removable_model(conn, name)
        vectors = conn.execute("DELETE FROM embeddings WHERE model = %s", [name]).rowcount
        conn.execute("DELETE FROM failures WHERE stage = 'embed' AND model = %s", [name])
        conn.execute("DELETE FROM models WHERE name = %s", [name])
    return vectors


def _lock_models(conn: Connection) -> None:
    """Keep other sessions from changing models until the end of the transaction. Reading and storing vectors go on.

    Rows that are read after this cannot change, and no rows can be added.
    """
    conn.execute("LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE")
