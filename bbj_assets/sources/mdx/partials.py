"""The imports of a page: partials to inline, and names that are certainly components."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bbj_assets.sources.files import SourceFiles, resolve
from bbj_assets.sources.mdx.jsx import expression_text

IMPORT = re.compile(
    r"import\s+(?:(?P<names>(?:[\w$]+\s*,?\s*)?(?:\{[^{}'\"]*\}|\*\s*as\s+[\w$]+)?)\s*\bfrom\s*)?"
    r"(?:'(?P<single>[^'\n]*)'|\"(?P<double>[^\"\n]*)\")"
    r"(?:\s*\b(?:with|assert)\s*\{[^{}]*\})?[ \t]*;?[ \t]*(?://[^\n]*)?(?=\n|\Z)"
)
"""An import of MDX. Java's `import a.b.C;` in running text does not match."""

EXPORT = re.compile(
    r"export\s+(?:(?:const|let|var)\s+(?:[\w$]+\s*[=:;,]|[{\[])|(?:async\s+)?function\b[\s*]*[\w$]*\s*\("
    r"|class\s+[\w$]+[^\n{]*\{|[{*]|default\s+(?:async\b|function\b|class\b|[({\[<'\"`]|[\w$.]+\s*(?:[;({\n]|\Z)))"
)
"""The beginning of an export of MDX. `export the grid as CSV` is a sentence and does not match."""

# Both match at the beginning of a line. `re` finds plain characters fast, and would try `^` at every character.
_CONSTANT = re.compile(
    r"export(?<![^\n]export)\s+const\s+(?P<name>[\w$]+)\s*=\s*"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|`[^`$]*`|-?[\d.]+)\s*;?\s*$",
    re.MULTILINE,
)
_LINE_IMPORT = re.compile(r"import(?<![^\n]import)(?=\s)")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True, slots=True)
class Imports:
    """The names that one file imports and exports.

    Attributes:
        names: every name that is imported or exported.
        files: references by name, of Markdown files and of files imported as raw text.
        constants: texts of exported constants by name.
    """

    names: frozenset[str]
    files: dict[str, str]
    constants: dict[str, str]


def read_imports(text: str) -> Imports:
    """Return everything that the text imports. MDX hoists imports, so they may follow their use."""
    names: set[str] = set()
    files: dict[str, str] = {}
    if "import" in text:
        for line in _LINE_IMPORT.finditer(text):
            statement = IMPORT.match(text, line.start())
            if statement is None or not statement["names"]:
                continue
            imported = [name for name in _NAME.findall(statement["names"]) if name not in {"as", "default"}]
            names.update(imported)
            reference = statement["single"] or statement["double"] or ""
            if imported and (is_partial(reference) or is_raw(reference)):
                files[imported[0]] = reference
    constants: dict[str, str] = {}
    if "export" in text:
        for constant in _CONSTANT.finditer(text):
            constants[constant["name"]] = expression_text(constant["value"], {}) or ""
    return Imports(frozenset(names | constants.keys()), files, constants)


def is_partial(reference: str) -> bool:
    """Return whether the import is a Markdown file, to be inlined."""
    return reference.lower().endswith((".md", ".mdx")) and not is_raw(reference)


def is_raw(reference: str) -> bool:
    """Return whether the import is the text of a file, to be shown as code."""
    return "raw-loader!" in reference or reference.endswith("?raw")


def read_reference(files: SourceFiles, reference: str, *, importer: str) -> tuple[str, bytes] | None:
    """Return the path below the root and the bytes of the referenced file; None when it is missing.

    `@site` is the root folder of a Docusaurus site, and the documentation may be any folder below it. So three paths
    are tried: the part after the name of the source's root, the part below the first folder, and all of it.
    """
    reference = reference.rpartition("!")[2].partition("?")[0]
    for path in _candidates(reference, importer=importer, root_name=files.root.name):
        content = files.read(path)
        if content is not None:
            return path, content
    return None


def _candidates(reference: str, *, importer: str, root_name: str) -> Iterator[str]:
    if not reference.startswith(("@site/", "~/")):
        # A bare `_note.md` is no published package: the file is beside the page.
        path = resolve(importer, reference)
        if path:
            yield path
        return
    parts = PurePosixPath(reference).parts[1:]
    if ".." in parts:
        return
    tried: set[str] = set()
    tails = [parts[parts.index(root_name) + 1 :]] if root_name in parts else []
    for tail in (*tails, parts[1:], parts):
        path = "/".join(tail)
        if path and path not in tried:
            tried.add(path)
            yield path
