"""The graph is written once for a home folder and then only loaded, because writing it takes a second.

    <home>/models/all-MiniLM-L6-v2-53aa5117-1/
        model.onnx  weights.bin  SHA256SUMS

The folder's name says which weights and which version of the graph. Loading trusts the three files only when
their sums agree (90 MB are hashed in about 0.06 s); a crash, a full disk or a flipped bit leads to a new
graph. Files are written elsewhere and renamed into place, the sums last, and two processes that do so at once
rename the same bytes over each other: so there is no lock, and never a moment without a valid cache.
"""

import hashlib
import logging
import shutil
import tempfile
import time
from mmap import ACCESS_READ, mmap
from pathlib import Path

from bbj_assets.embedding.embedders.minilm_graph import GRAPH_VERSION, write_graph
from bbj_assets.embedding.embedders.minilm_weights import WEIGHTS_SHA256, verified
from bbj_assets.errors import EmbedderMisconfigured

GRAPH = "model.onnx"
WEIGHTS = "weights.bin"
SUMS = "SHA256SUMS"
_ABANDONED_SECONDS = 3600

logger = logging.getLogger(__name__)


def cached_graph(package: Path, home: Path) -> Path:
    """The path of the graph below `home`, written now if there is no valid one.

    Args:
        package: the folder that holds `model.safetensors`.
        home: BBJ_ASSETS_HOME.

    Raises:
        EmbedderMisconfigured: the weights are not the right ones, or the home folder cannot be written to.
    """
    folder = home.absolute() / "models" / f"all-MiniLM-L6-v2-{WEIGHTS_SHA256[:8]}-{GRAPH_VERSION}"
    if not is_valid(folder):
        if folder.exists():
            logger.warning("The cached model in %s is damaged or incomplete, and is written anew.", folder)
        raw = verified(package / "model.safetensors", WEIGHTS_SHA256)
        try:
            _write(folder, raw)
        except OSError as error:
            raise EmbedderMisconfigured(
                f"The embedded model cannot be cached in {folder}: {error}. It needs 90 MB there: make room, or "
                "point BBJ_ASSETS_HOME at a folder that can be written to."
            ) from None
    return folder / GRAPH


def is_valid(folder: Path) -> bool:
    """Whether all files are there, with the content that their writer gave them."""
    try:
        return (folder / SUMS).read_text(encoding="ascii") == _sums(folder)
    except (OSError, ValueError):  # also of bytes that are no text, and of an empty file
        return False


def _sums(folder: Path) -> str:
    """As `sha256sum` prints them, so that `sha256sum -c SHA256SUMS` checks them too."""
    lines = []
    for name in (GRAPH, WEIGHTS):
        # In one call, which needs no GIL: block by block it would wait for that of a main thread that is importing.
        with (folder / name).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return "".join(lines)


def _write(folder: Path, raw: bytes) -> None:
    from safetensors.numpy import load

    graph, weights = write_graph(load(raw), WEIGHTS)
    folder.mkdir(parents=True, exist_ok=True)
    for abandoned in folder.parent.glob(".draft-*"):  # of a process that was killed
        if time.time() - abandoned.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(abandoned, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        (draft / GRAPH).write_bytes(graph)
        (draft / WEIGHTS).write_bytes(weights)
        (draft / SUMS).write_text(_sums(draft), encoding="ascii")
        for name in (WEIGHTS, GRAPH, SUMS):
            (draft / name).replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
