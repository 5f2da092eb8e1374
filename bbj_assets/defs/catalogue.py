"""What Dagster's catalogue shows of the assets beside what each run records: owners, kinds and places."""

import dagster as dg

from bbj_assets.source import Source

OWNERS = ["team:documentation"]
PGVECTOR = "[pgvector](https://github.com/pgvector/pgvector)"
_RAW_KINDS = {
    "flare": "html",
    "javadoc": "java",
    "mdx": "markdown",
    "pdf": "pdf",
    "web-crawl": "html",
    "wordpress": "wordpress",
}


def raw_kind(source: Source) -> str:
    """Return the kind of a source's raw files, as Dagster names kinds, which have icons."""
    return _RAW_KINDS.get(source.parser, "file")


def origin(source: Source) -> str:
    """Return what a source is read from, as Markdown."""
    paths = ", ".join(f"`{root}`" for root in source.roots)
    return paths or f"[{source.url}]({source.url})"


def published(source: Source) -> str:
    """Return a sentence with the address under which a source is published, as Markdown; empty if it has none."""
    return f" Published at [{source.display_url}]({source.display_url})." if source.display_url else ""


def places(source: Source) -> dict[str, dg.MetadataValue]:
    """Return the paths and addresses of a source as metadata."""
    places: dict[str, dg.MetadataValue] = {}
    if source.roots:
        places["paths"] = dg.MetadataValue.text("\n".join(str(root) for root in source.roots))
    for name, url in (("site", source.url), ("published", source.display_url)):
        if url:
            places[name] = dg.MetadataValue.url(url)
    return places
