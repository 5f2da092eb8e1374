"""The raw files of a source, as they are written: external for a folder, made by a crawl for a site."""

from datetime import timedelta

import dagster as dg

from bbj_assets.defs.catalogue import OWNERS, origin, places, published, raw_kind
from bbj_assets.defs.metadata import raw_metadata
from bbj_assets.defs.partitions import register_sections, sections
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.ingest.fetching import fetch_site, is_web
from bbj_assets.ingest.fingerprints import data_version, fingerprints
from bbj_assets.ingest.listing import list_items
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.outages import explaining


def raw_spec(*, source: Source, settings: Settings) -> dg.AssetSpec:
    """Return the asset of a source's raw files."""
    return dg.AssetSpec(
        dg.AssetKey([source.group, "raw"]),
        group_name=source.group,
        description=f"{source.description or source.name}, as it is written. Read from {origin(source)}."
        f"{published(source)}",
        kinds={raw_kind(source)},
        owners=OWNERS,
        tags={"parser": source.parser},
        metadata=places(source),
        partitions_def=None if is_web(source) else sections(source),
        freshness_policy=_freshness(settings) if is_web(source) else None,
    )


def crawled_asset(*, source: Source, raw: dg.AssetSpec) -> dg.AssetsDefinition:
    """Return what materializes the raw pages of a web source: a crawl of its site, which registers new sections."""

    @dg.multi_asset(name=f"{source.group}__raw", specs=[raw])
    def crawled(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> dg.MaterializeResult[None]:
        progress = runtime.logged_progress(source.name, context.log)
        doing = f"crawl the site of {source.name!r}"
        with failing_the_step(context), database(runtime.settings) as url, explaining(doing, url), connect(url) as conn:
            fetch_site(conn, source, progress)
            register_sections(context.instance, conn, source)
        version = dg.DataVersion(data_version(fingerprints(source)))  # so a crawl that found nothing new is no update
        return dg.MaterializeResult(
            asset_key=raw.key, metadata=raw_metadata(list(list_items(source))), data_version=version
        )

    return crawled


def _freshness(settings: Settings) -> dg.FreshnessPolicy:
    fail = timedelta(hours=settings.visit_fresh_hours)
    return dg.FreshnessPolicy.time_window(warn_window=fail * 0.75, fail_window=fail)
