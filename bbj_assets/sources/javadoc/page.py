"""A class of the export as a page: its description, constructors, fields and methods.

A method with a description is a section. Its overloads share one heading, and each distinct description appears once.
A method without a description (5,125 of the 8,713 in BASIS's export) is one line in a list of signatures, and is
found by that line. As a heading with nothing below it, it would become a chunk, and such chunks would crowd the
described methods out of the search results.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from bbj_assets.convert.html import code_span, escape, fence, link
from bbj_assets.documents import Document, Json
from bbj_assets.sources.javadoc.docu import Docu, read_docu
from bbj_assets.sources.javadoc.export import Class, Member, Package

_PLACEHOLDER = "BBjAPI Class Hierarchy"
"""The text that the exporter writes as the description of every package."""

_CONSTRUCTOR = "<init>"
_TYPE = re.compile(r"[\w.$]+(?:<[\w.$<>?,&\s\[\]]*>)?(?:\[\])*(?:\.\.\.)?")


def package_documents(package: Package, *, url: str, name: str) -> list[Document]:
    """Return the documents of a package: one per class, and one for the package if it has a description.

    Args:
        package: the package.
        url: its source_url. A class is at `<url>/<class>`, a second class of the same name at `<url>/<class>#2`.
        name: its name.
    """
    documents = []
    docu = read_docu(package.docu, level=1)
    if docu.text and docu.text != _PLACEHOLDER:
        documents.append(
            Document(
                source_url=url,
                title=name,
                content=docu.text,
                doc_type="api-reference",
                display_url=docu.url,
                metadata={"package": name, "classes": len(package.classes)},
            )
        )
    taken: set[str] = set()
    for declared in package.classes:
        class_url, copy = f"{url}/{declared.name}", 1
        while class_url in taken:
            copy += 1
            class_url = f"{url}/{declared.name}#{copy}"
        taken.add(class_url)
        documents.append(_class_document(declared, url=class_url, package=name))
    return documents


def _class_document(declared: Class, *, url: str, package: str) -> Document:
    docu = read_docu(declared.docu, level=1)
    constructors = [
        *declared.constructors,
        *(
            method.model_copy(update={"name": declared.name})
            for method in declared.methods
            if method.name == _CONSTRUCTOR
        ),
    ]
    methods = [method for method in declared.methods if method.name != _CONSTRUCTOR]
    sections = [
        *_member_sections("Constructors", constructors, docu.url),
        *_member_sections("Fields", declared.fields, docu.url, signature=_field),
        *_member_sections("Methods", methods, docu.url),
    ]
    content = "\n\n".join(filter(None, [docu.text, *sections]))
    counts: dict[str, Json] = {
        "constructors": len(constructors),
        "fields": len(declared.fields),
        "methods": len(methods),
        "documented_methods": sum(bool(method.docu and method.docu.strip()) for method in methods),
    }
    return Document(
        source_url=url,
        title=declared.name,
        content=content or f"Class `{package}.{declared.name}`.",  # without text it could not be found
        doc_type="api-reference",
        display_url=docu.url,
        section_path=(package,),
        metadata={"package": package, **counts},
    )


def _member_sections(
    title: str,
    members: Sequence[Member],
    page: str | None,
    signature: Callable[[Member], str] | None = None,
) -> Iterator[str]:
    """Yield a section for each described member, then the others as one block of signatures."""
    if not members:
        return
    yield f"## {title}"
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(member.name, []).append(member)
    undescribed: list[str] = []
    any_described = False
    for name, overloads in groups.items():
        described = _described(overloads, page, signature or _call)
        if any(docu.text or docu.url for docu in described):
            any_described = True
            yield f"### {escape(name)}"
            yield from _section(name, described, page)
        else:
            undescribed += described[Docu()]
    if undescribed:
        if any_described:
            yield f"### Undocumented {title.lower()}"
        yield fence("\n".join(undescribed), "java")


def _described(
    overloads: Sequence[Member], page: str | None, signature: Callable[[Member], str]
) -> dict[Docu, list[str]]:
    """Return the distinct descriptions of overloads, each with the signatures that it describes."""
    described: dict[Docu, list[str]] = {}
    read: dict[str | None, Docu] = {}
    for member in overloads:
        docu = read.get(member.docu)
        if docu is None:
            docu = read[member.docu] = read_docu(member.docu, base_url=page, level=3)
        signatures = described.setdefault(_with_details(member, docu, page), [])
        if (line := signature(member)) not in signatures:
            signatures.append(line)
    return described


def _with_details(member: Member, docu: Docu, page: str | None) -> Docu:
    """Return the description, extended by the descriptions of the parameters and of the return value."""
    details = [
        f"- {code_span(parameter.name)}: {text}"
        for parameter in member.params
        if (text := read_docu(parameter.docu, base_url=docu.url or page, level=3).text.replace("\n", "\n  "))
    ]
    if member.returns and not _TYPE.fullmatch(member.returns.strip()):
        details.append(f"- Returns: {read_docu(member.returns, base_url=docu.url or page, level=3).text}")
    if not details:
        return docu
    return Docu("\n\n".join(filter(None, [docu.text, "\n".join(details)])), docu.url)


def _section(name: str, described: dict[Docu, list[str]], page: str | None) -> Iterator[str]:
    urls: dict[str, None] = {}
    bare = described.pop(Docu(), [])
    for docu, signatures in described.items():
        if signatures != [name]:  # the heading already shows all of an untyped field
            yield fence("\n".join(signatures), "java")
        if docu.text:
            yield docu.text
        if docu.url and docu.url != page:
            urls[docu.url] = None
    if bare:
        yield fence("\n".join(bare), "java")
    if urls:
        yield " ".join(link("Docs", url) for url in urls)


def _call(method: Member) -> str:
    parameters = ", ".join(_declaration(parameter.type, parameter.name) for parameter in method.params)
    returned = method.returns if method.returns and _TYPE.fullmatch(method.returns.strip()) else None
    return _declaration(returned, f"{method.name}({parameters})")


def _field(field: Member) -> str:
    return _declaration(field.type, field.name)


def _declaration(declared_type: str | None, name: str) -> str:
    return " ".join(f"{declared_type or ''} {name}".split())
