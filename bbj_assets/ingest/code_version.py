"""What, besides its bytes, decides what chunks an item gives."""

import hashlib
import json

from bbj_assets import chunking, enrichment
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources.registry import PARSERS


def code_version_of(source: Source, chunks: ChunkSettings) -> str:
    """A hash of parser, enrichment and chunking, their versions and settings: 16 hexadecimal digits.

    An item whose stored code_version differs is parsed anew, and Dagster shows it as the code version.
    """
    ingredients = {
        "parser": [source.parser, PARSERS[source.parser].load().VERSION, source.exclude_conditions],
        "enrichment": [enrichment.VERSION, source.generation_tag, source.display_url],
        "chunking": [chunking.VERSION, chunks.target_tokens, chunks.overlap_tokens],
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:16]
