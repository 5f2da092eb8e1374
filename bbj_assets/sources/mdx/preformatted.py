"""Code in JSX: `<pre>`, `<pre><code>` and Docusaurus' `<CodeBlock>`."""

import html
import re
import textwrap
from typing import NamedTuple

from bbj_assets.sources.mdx.jsx import Reader, Tag, expression_text
from bbj_assets.sources.mdx.page import Page, Scope

_LANGUAGE = re.compile(r"\blanguage-([\w+#-]+)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class Preformatted(NamedTuple):
    """Code and its language, which is empty when the page does not name one."""

    language: str
    code: str


def read_preformatted(tag: Tag, source: str, scope: Scope, page: Page) -> Preformatted:
    """Read the code between a tag and its closing tag.

    The code is a template literal, a file that is imported as text, or text with tags and entities.
    """
    language = tag.attributes.get("language", "").strip("{}\"'`") or _language_in_class(tag)
    body = source.strip()
    inner = Reader(body).tag(0) if body.startswith("<code") else None
    if inner is not None and not inner.self_closing:
        language = language or _language_in_class(inner)
        source = body[inner.end :].removesuffix("</code>")
        body = source.strip()
    code = None
    if body.startswith("{") and Reader(body).braces(0) == len(body):
        expression = body[1:-1].strip()
        code = expression_text(expression, scope.values)
        if code is None and _NAME.fullmatch(expression):
            code = page.read_raw_import(scope, expression)
    if code is None:
        code = html.unescape(_TAG.sub("", source))
    return Preformatted(language, textwrap.dedent(code).strip("\n").rstrip())


def _language_in_class(tag: Tag) -> str:
    named = _LANGUAGE.search(tag.attributes.get("className", "") or tag.attributes.get("class", ""))
    return named[1] if named else ""
