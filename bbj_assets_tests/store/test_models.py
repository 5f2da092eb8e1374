"""The models of the index, of which search uses one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bbj_assets.errors import ConfigurationError, EmbedderMisconfigured
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.models import (
    Model,
    activate_model,
    active_model,
    all_models,
    ensure_model,
    find_model,
    remove_model,
)


def test_the_first_model_is_active_and_later_ones_are_not(conn: Connection) -> None:
    assert active_model(conn) is None

    first, second = ensure_model(conn, "first", 384), ensure_model(conn, "second", 768)

    assert (first, second) == (Model("first", 384, active=True), Model("second", 768, active=False))
    assert active_model(conn) == first
    assert all_models(conn) == [first, second]
    assert find_model(conn, "second") == second
    assert find_model(conn, "third") is None
    assert ensure_model(conn, "first", 384) == first


def test_another_model_under_the_same_name_is_refused(conn: Connection) -> None:
    ensure_model(conn, "first", 384)

    with pytest.raises(
        EmbedderMisconfigured, match=r"'first' gives vectors of 768 .* 384 .*BBJ_ASSETS_EMBEDDING_MODEL"
    ):
        ensure_model(conn, "first", 768)

    assert all_models(conn) == [Model("first", 384, active=True)]


def test_of_many_first_models_at_once_one_is_active(database_url: str, conn: Connection) -> None:
    def register(number: int) -> Model:
        with connect(database_url) as own:
            return ensure_model(own, f"m{number}", 3)

    with ThreadPoolExecutor(6) as pool:
        registered = list(pool.map(register, range(12)))

    assert sorted(registered, key=lambda model: model.name) == all_models(conn)
    assert len(registered) == 12
    assert sum(model.active for model in registered) == 1


def test_an_unknown_model_is_not_activated_and_search_keeps_its_model(conn: Connection) -> None:
    first = ensure_model(conn, "first", 3)

    with pytest.raises(ConfigurationError, match="no model 'gone'"):
        activate_model(conn, "gone")

    assert active_model(conn) == first


def test_the_model_that_search_uses_is_not_removed(conn: Connection) -> None:
    first, _ = ensure_model(conn, "first", 3), ensure_model(conn, "second", 3)
    conn.execute("INSERT INTO embeddings VALUES ('first', 'hash', '[1,0,0]'), ('second', 'hash', '[1,0,0]')")

    with pytest.raises(ConfigurationError, match="'first' is the one that search uses"):
        remove_model(conn, "first")
    with pytest.raises(ConfigurationError, match="no model 'gone'"):
        remove_model(conn, "gone")
    assert remove_model(conn, "second") == 1

    assert all_models(conn) == [first]
    assert conn.execute("SELECT model FROM embeddings").fetchall() == [("first",)]


def test_after_many_activations_at_once_one_model_is_active(database_url: str, conn: Connection) -> None:
    names = [ensure_model(conn, f"m{number}", 3).name for number in range(6)]

    def activate(name: str) -> None:
        with connect(database_url) as own:
            for _ in range(20):
                activate_model(own, name)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(activate, names))

    assert sum(model.active for model in all_models(conn)) == 1
