"""What Dagster's catalogue says of the assets, besides what each run records: whose they are, and where things lie."""

from dagster import MetadataValue

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
    """The kind of a source's raw files, as Dagster names kinds, which have icons."""
    return _RAW_KINDS.get(source.parser, "file")


def origin(source: Source) -> str:
    """What a source is read from, as Markdown."""
    paths = ", ".join(f"`{root}`" for root in source.roots)
    return paths or f"[{source.url}]({source.url})"


def published(source: Source) -> str:
    """A sentence with the address under which a source is published, as Markdown; nothing if it has none."""
    return f" Published at [{source.display_url}]({source.display_url})." if source.display_url else ""


def places(source: Source) -> dict[str, MetadataValue]:
    """The same as metadata."""
    places: dict[str, MetadataValue] = {}
    if source.roots:
        places["paths"] = MetadataValue.text("\n".join(str(root) for root in source.roots))
    for name, url in (("site", source.url), ("published", source.display_url)):
        if url:
            places[name] = MetadataValue.url(url)
    return places
