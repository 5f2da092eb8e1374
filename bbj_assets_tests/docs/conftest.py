"""One reader for all pages: the sample data is ingested once."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.docs.reader import Reader
from bbj_assets_tests.fakes.ollama_server import FakeOllama


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """A reader who has run `make ingest`.

    Not in pytest's temporary folder, which other users may not enter: when root runs the tests, PostgreSQL is another
    user.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bbj-docs-") as folder,
        FakeOllama(models=["nomic-embed-text"], dimensions=16) as ollama,
        _sample_sites() as port,
    ):
        reader = Reader(Path(folder), {"OLLAMA_HOST": ollama.url, "DEMO_PORT": str(port)})
        reader.set_up()
        server = EmbeddedServer(reader.home)
        server.keep()  # otherwise each command would start and stop it
        try:
            reader.make_ingest()
            yield reader
        finally:
            server.stop()


@contextmanager
def _sample_sites() -> Iterator[int]:
    """Serve the sample sites as `make demo-web` does, at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [sys.executable, str(REPOSITORY / "sample_data/serve.py"), "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Serving")
            yield port
        finally:
            process.terminate()
