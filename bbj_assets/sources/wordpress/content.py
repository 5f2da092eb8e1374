"""The content of an article as Markdown, without the additions of WordPress, its theme and its plugins.

WordPress renders an article as one piece of HTML, in which the author's words stand beside share buttons, tables of
contents, related articles, forms, and texts for screen readers. The additions are recognised by their classes.
"""

import re

from bs4 import Tag
from lxml.etree import _Element as Element

from bbj_assets.convert.html import DROPPED, Rule, Writer, parse_html, to_markdown
from bbj_assets.sources.wordpress.shortcodes import remove_shortcodes
from bbj_assets.web.markup import classes, remove, words

_CHROME_CLASSES = """
    screen-reader-text sr-only visually-hidden skip-link elementor-hidden-desktop
    sharedaddy sd-sharing sd-block jp-relatedposts addtoany_share_save_container addtoany_share
    heateor_sss_sharing_container social-share share-buttons et_social_inline wp-block-social-links wp-block-social-link
    mashsb-container ssba
    yarpp yarpp-related rp4wp-related-posts crp_related related-posts
    post-navigation posts-navigation nav-links navigation pagination page-links comments-area comment-respond
    entry-meta entry-footer post-meta posted-on byline cat-links tags-links edit-link author-box
    breadcrumb breadcrumbs yoast-breadcrumb eckb-breadcrumb sidebar widget-area widget more-link copy-button
    wp-block-accordion-heading__toggle-icon
    wp-block-file__button wp-block-search wp-block-navigation wp-block-tag-cloud wp-block-calendar wp-block-archives
    wp-block-categories wp-block-latest-posts wp-block-latest-comments wp-block-page-list wp-block-rss
    wp-block-loginout wp-block-comments wp-block-post-comments wp-block-post-comments-form wp-block-post-navigation-link
    wp-block-query-pagination wp-block-template-part wp-block-table-of-contents wp-block-rank-math-toc-block
    wp-block-yoast-seo-table-of-contents eckb-article-toc eprf-article-buttons-container eprf-article-feedback__form
    eprf-article-feedback-container eckb-article-content-header eckb-article-content-footer
    site-header site-footer main-navigation elementor-location-header elementor-location-footer
"""
_CHROME_IDS = """
    comments respond secondary sidebar masthead colophon toc_container ez-toc-container lwptoc wpadminbar
    eckb-article-header eckb-article-footer eckb-article-left-sidebar eckb-article-right-sidebar
    eckb-article-content-header eckb-article-content-header-v2 eckb-article-content-footer jp-post-flair
"""
_CLASSES = frozenset(_CHROME_CLASSES.split())
_IDS = frozenset(_CHROME_IDS.split())
_TEXT_IMAGES = frozenset({"emoji", "wp-smiley", "latex", "mathjax", "tex"})
"""Classes of images that stand for characters."""
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|avif|bmp)(?:[?#]|$)", re.IGNORECASE)


def article_markdown(content: Element, *, base_url: str, title: str) -> str:
    """Return the article in an element as Markdown whose highest heading has level 2. Changes the tree.

    Galleries and images are left out, but not their captions. A first heading that repeats the title is left out too.
    """
    for element in list(content.iter("*")):
        if element is not content and is_chrome(element):
            remove(element)
    remove_shortcodes(content)
    _drop_heading(content, title)
    for block in content.iter("pre"):
        language = block.get("data-enlighter-language", "")
        if language not in {"", "generic", "raw", "no-highlight"}:
            block.set("data-lang", language)
    return to_markdown(content, base_url=base_url, top_heading=2, rules=_RULES).strip()


def is_chrome(element: Element | Tag) -> bool:
    """Return whether an element, of lxml or Beautiful Soup, is not part of an article's text."""
    if element.get("id") in _IDS or element.get("role") in {"navigation", "search"}:
        return True
    return not _CLASSES.isdisjoint(str(element.get("class") or "").split())


def to_element(tag: Tag) -> Element:
    """Return a tag of Beautiful Soup as an element of lxml, which `article_markdown` reads."""
    root = parse_html(str(tag))
    return next(root.iter(tag.name), root)


def _drop_heading(content: Element, title: str) -> None:
    heading = next(content.iter("h1", "h2", "h3", "h4", "h5", "h6"), None)
    if heading is not None and words(heading).casefold() == title.casefold():
        remove(heading)


def _image(writer: Writer, element: Element) -> None:
    """Write the text of an image that stands for characters, or is the label of a link to a page."""
    text = element.get("alt")
    if text and (not _TEXT_IMAGES.isdisjoint(classes(element)) or _labels_link(element)):
        writer.text(f" {text} ")


def _labels_link(element: Element) -> bool:
    anchor = next(element.iterancestors("a"), None)
    if anchor is None or _PICTURE.search(anchor.get("href") or ""):
        return False
    return not words(anchor)


_RULES = {
    **dict.fromkeys(("nav", "form", "select", "textarea"), DROPPED),
    "img": Rule(_image),
}
