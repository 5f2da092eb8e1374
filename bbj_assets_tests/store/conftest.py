"""A user of PostgreSQL who is refused what a superuser is not."""

from collections.abc import Iterator

import pytest
from psycopg import conninfo

from bbj_assets.store.connection import Connection
from bbj_assets_tests.store.database_faults import ROLE, end_sessions


@pytest.fixture
def visitor(conn: Connection, database_url: str) -> Iterator[str]:
    """The URL of a role that has all rights on the index, and no others."""
    conn.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
    conn.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}".encode())
    yield conninfo.make_conninfo(database_url, user=ROLE)
    end_sessions(conn)
    conn.execute(f"DROP OWNED BY {ROLE}".encode())
    conn.execute(f"DROP ROLE {ROLE}".encode())
