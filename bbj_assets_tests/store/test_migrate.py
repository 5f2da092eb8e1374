"""The schema is created once, also by programs that start together, and never downgraded."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import conninfo

from bbj_assets.errors import DatabaseError
from bbj_assets.settings import load_settings
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import count_documents, replace_items
from bbj_assets.store.migrate import migrate
from bbj_assets_tests.store.samples import item

CORE = {"documents", "chunks", "models", "embeddings", "failures", "schema_migrations"}


def tables(conn: Connection, schema: str = "public") -> set[str]:
    return {name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])}


def in_schema(url: str, path: str) -> str:
    return conninfo.make_conninfo(url, options=f"-c search_path={path}")


def test_an_empty_database_gets_the_schema_and_the_vector_type(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        assert tables(conn) == set()

        migrate(conn)

        assert tables(conn) >= CORE
        assert conn.execute("SELECT '[1,2]'::vector <=> '[1,2]'").fetchone() == (0.0,)


def test_migrating_again_changes_nothing(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "text")], None)
    before = conn.execute("SELECT version, applied_at FROM schema_migrations").fetchall()

    migrate(conn)

    assert conn.execute("SELECT version, applied_at FROM schema_migrations").fetchall() == before
    assert count_documents(conn, "docs") == 1


def test_programs_that_start_together_create_the_schema_once(empty_database_url: str) -> None:
    together = threading.Barrier(4)

    def start(_number: int) -> None:
        with connect(empty_database_url) as conn:
            together.wait()
            migrate(conn)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))

    with connect(empty_database_url) as conn:
        assert tables(conn) >= CORE


def test_a_schema_that_is_newer_than_the_program_is_refused_and_left_alone(conn: Connection) -> None:
    conn.execute("INSERT INTO schema_migrations (version) VALUES (9999)")
    before = tables(conn)

    with pytest.raises(DatabaseError, match=r"schema version 9999, and this program knows \d+\. Update bbj-assets"):
        migrate(conn)

    assert tables(conn) == before


def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("CREATE TABLE failures (something_else int)")

        with pytest.raises(Exception, match="failures"):
            migrate(conn)

        assert tables(conn) == {"failures"}


def test_the_tables_are_in_the_default_schema_of_the_connection(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("CREATE SCHEMA docs")

    with connect(in_schema(empty_database_url, "docs")) as conn:
        migrate(conn)
        migrate(conn)

        assert tables(conn, "docs") >= CORE
        assert tables(conn) == set()


def test_two_schemas_of_one_database_are_two_indexes(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        migrate(conn)
        conn.execute("CREATE SCHEMA second")

    with connect(in_schema(empty_database_url, "second,public")) as conn:
        migrate(conn)
        replace_items(conn, [item("x://a", "text")], None)
        assert count_documents(conn, "docs") == 1

    with connect(empty_database_url) as conn:
        assert count_documents(conn, "docs") == 0


def test_a_vector_type_outside_of_the_search_path_is_an_error_with_the_remedy(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("CREATE SCHEMA tools; CREATE SCHEMA docs; CREATE EXTENSION vector SCHEMA tools")

    with (
        connect(in_schema(empty_database_url, "docs")) as conn,
        pytest.raises(DatabaseError, match=r"`vector` is in schema tools, .* search_path"),
    ):
        migrate(conn)


def test_a_user_without_the_right_to_create_the_extension_gets_the_remedy(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("CREATE ROLE nobody_special LOGIN; GRANT CREATE ON SCHEMA public TO nobody_special")
        try:
            conn.execute("SET ROLE nobody_special")
            with pytest.raises(DatabaseError, match=r"administrator run: CREATE EXTENSION vector"):
                migrate(conn)
        finally:
            conn.execute("RESET ROLE; DROP OWNED BY nobody_special; DROP ROLE nobody_special")


def test_the_configured_database_has_the_schema(empty_database_url: str) -> None:
    with database(load_settings(database_url=empty_database_url)) as url, connect(url) as conn:
        assert tables(conn) >= CORE


def test_a_read_only_server_is_an_error_with_the_remedy(empty_database_url: str) -> None:
    settings = load_settings(database_url=f"{empty_database_url}&options=-c%20default_transaction_read_only%3Don")

    with pytest.raises(DatabaseError, match=r"read-only.*BBJ_ASSETS_DATABASE_URL must name one"), database(settings):
        pytest.fail("there are no tables")
