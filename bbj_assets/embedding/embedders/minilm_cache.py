"""The cache of the model's graph: written once for a home folder, because that takes a second, then only loaded.

    <home>/models/all-MiniLM-L6-v2-53aa5117-1/
        model.onnx  weights.bin  SHA256SUMS

The folder's name contains the hash of the weights and the version of the graph. The files are loaded only if their
checksums agree (90 MB are hashed in about 0.06 s). After a crash, a full disk or a flipped bit the graph is written
again. Files are written elsewhere and renamed into place, the checksums last. Two processes that do so at the same time
rename the same bytes over each other, so no lock is needed, and a valid cache never becomes invalid.
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


def cached_graph(*, weights: Path, home: Path) -> Path:
    """Return the path of the graph below `home`. Writes the graph first if there is no valid one.

    Args:
        weights: the folder that contains `model.safetensors`.
        home: BBJ_ASSETS_HOME.

    Raises:
        EmbedderMisconfigured: the weights do not have the expected hash, or the home folder is not writable.
    """
    folder = home.absolute() / "models" / f"all-MiniLM-L6-v2-{WEIGHTS_SHA256[:8]}-{GRAPH_VERSION}"
    if not is_valid(folder):
        if folder.exists():
            logger.warning("The cached model in %s is damaged or incomplete. It is written again.", folder)
        raw = verified(weights / "model.safetensors", WEIGHTS_SHA256)
        try:
            _write(folder, raw)
        except OSError as error:
            raise EmbedderMisconfigured(
                f"The model of the local embedder cannot be cached in {folder}: {error}. It needs 90 MB there: "
                "make room, or point BBJ_ASSETS_HOME at a folder that can be written to."
            ) from None
    return folder / GRAPH


def is_valid(folder: Path) -> bool:
    """Return whether all files exist with the content that was written."""
    try:
        return (folder / SUMS).read_text(encoding="ascii") == _sums(folder)
    except (OSError, ValueError):  # ValueError: bytes that are not ASCII, or an empty file
        return False


def _sums(folder: Path) -> str:
    """Return the checksums in the format of `sha256sum`, so that `sha256sum -c SHA256SUMS` can check them."""
    lines = []
    for name in (GRAPH, WEIGHTS):
        # In one call, which releases the GIL once. Block by block, each would wait for a main thread that is importing.
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
