"""Where a source lies, for a reader of the catalogue to go there."""

from dagster import MetadataValue

from bbj_assets.source import Source


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
