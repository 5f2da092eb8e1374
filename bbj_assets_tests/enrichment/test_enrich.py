"""`enrich`: which fields it fills in, and which it leaves alone."""

from dataclasses import replace

import pytest

from bbj_assets.documents import Document, Json
from bbj_assets.enrichment import enrich
from bbj_assets.source import Source

FLARE = Source("flare", "flare", display_url="https://help.example/WebHelp")
TOPIC = Document(source_url="flare://Content/dwc/styling.htm", title="Styling", content="Text.")


def test_empty_fields_are_filled() -> None:
    enriched = enrich(TOPIC, FLARE)

    assert enriched.doc_type == "concept"
    assert enriched.generations == ("dwc",)
    assert enriched.display_url == "https://help.example/WebHelp/dwc/styling.htm"
    assert not enriched.deprecated
    assert replace(enriched, doc_type="", generations=(), display_url=None) == TOPIC


def test_values_set_by_the_parser_are_kept() -> None:
    known = replace(
        TOPIC, doc_type="tutorial", generations=("vpro5",), display_url="https://x.example/", deprecated=True
    )

    assert enrich(known, FLARE) == known


def test_the_generation_tag_of_a_source_applies_to_all_its_documents() -> None:
    assert enrich(TOPIC, replace(FLARE, generation_tag="character")).generations == ("character",)


@pytest.mark.parametrize(
    ("conditions", "deprecated"),
    [
        (["Primary.Deprecated"], True),
        (["Primary.Online", " primary.superseded "], True),
        (["Primary.Upcoming Release"], False),
        (["Deprecated"], False),
        ([], False),
        ("Primary.Deprecated", False),
        ([None, 3], False),
    ],
)
def test_deprecated_follows_from_the_conditions(conditions: Json, deprecated: bool) -> None:
    assert enrich(replace(TOPIC, metadata={"conditions": conditions}), FLARE).deprecated is deprecated


@pytest.mark.parametrize(
    ("source_url", "display_url", "parser", "url"),
    [
        ("flare://Content/mnemonic/terminal/cs.htm", None, "flare", None),
        ("bbj_api://a.b/C", "https://x.example/BASISHelp/WebHelp/mnemonic/terminal/cs.htm#top", "javadoc", None),
        ("https://x.example/BASISHelp/WebHelp/mnemonic/terminal/cs.htm", None, "web-crawl", "https://x.example/"),
        ("http://x.example/help/mnemonic/terminal/cs.htm", None, "web-crawl", "http://x.example/help/index.htm"),
        ("http://x.example/help/mnemonic/terminal/cs.htm", None, "web-crawl", "http://x.example/help"),
        ("http://x.example/help/Content/mnemonic/terminal/cs.htm", None, "web-crawl", "http://x.example/help/"),
        ("http://x.example/mnemonic/terminal/cs.htm", None, "web-crawl", "http://x.example/"),
    ],
)
def test_the_path_in_the_help_is_found_for_every_source_of_the_help(
    source_url: str, display_url: str | None, parser: str, url: str | None
) -> None:
    document = Document(source_url=source_url, title="T", content="Text.", display_url=display_url)

    assert enrich(document, Source("s", parser, url=url)).generations == ("character",)


@pytest.mark.parametrize("parser", ["mdx", "bbj-source"])
def test_folders_of_other_sources_are_ignored(parser: str) -> None:
    document = Document(source_url="file://util/a.bbj", title="a.bbj", content="x=1")

    assert enrich(document, Source("s", parser)).generations == ("untagged",)


def test_a_class_without_a_help_topic_is_tagged_by_its_package_and_name() -> None:
    javadoc = Source("javadoc", "javadoc")
    proxy = Document(
        source_url="bbj_api://com.basis.bbj.proxies.sysgui/BBjWebComponent", title="BBjWebComponent", content=""
    )

    assert enrich(proxy, javadoc).generations == ("bbj_gui", "dwc")
    assert enrich(replace(proxy, source_url="bbj_api://java.util/Map", title="Map"), javadoc).generations == (
        "untagged",
    )
