"""The code version: everything besides the bytes of an item that determines its chunks."""

import hashlib
import json

from bbj_assets import chunking, enrichment
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources.registry import PARSERS


def code_version_of(source: Source, chunks: ChunkSettings) -> str:
    """Return a hash of the versions and settings of parser, enrichment and chunking: 16 hexadecimal digits.

    An item whose stored code version differs is parsed again. Dagster shows it as the asset's code version.
    """
    ingredients = {
        "parser": [source.parser, PARSERS[source.parser].load().VERSION, source.exclude_conditions],
        "enrichment": [enrichment.VERSION, source.generation_tag, source.display_url],
        "chunking": [chunking.VERSION, chunks.target_tokens, chunks.overlap_tokens],
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:16]
