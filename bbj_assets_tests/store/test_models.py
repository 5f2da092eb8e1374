"""The models that the index has vectors of; search uses one of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.models import Model, active_model, all_models, ensure_model, find_model


def test_the_first_model_is_active_and_later_ones_wait_beside_it(conn: Connection) -> None:
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
