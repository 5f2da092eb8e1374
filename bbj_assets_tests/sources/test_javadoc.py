"""The javadoc parser: one document per class with every method, its HTML as Markdown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.documents import Document, Item
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources import javadoc
from bbj_assets.sources.files import SourceFiles

DOCS = "https://docs.example/objects/window/thing.htm"


def parse(raw: bytes, name: str = "com.example.things") -> list[Document]:
    root = Path("/nowhere")
    item = Item(key=f"bbj_api://{name}", partition=name, root=root, path=f"{name}.json")
    source = Source(name="javadoc", parser="javadoc", roots=(root,))
    return list(javadoc.parse(source, item, raw, SourceFiles(root)))


def package(*classes: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"name": "com.example.things", "classes": list(classes), **more}).encode()


def method(name: str, docu: str = "", *params: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"name": name, "docu": docu, "params": [{"type": t, "name": n} for t, n in params], **more}


def page(docu: str = "", *methods: dict[str, Any], **more: Any) -> Document:
    (document,) = parse(package({"name": "Thing", "docu": docu, "methods": list(methods), **more}))
    return document


def test_each_package_file_is_an_item_and_a_partition(tmp_path: Path) -> None:
    for file in ("com.a.json", "com.a.b.json", "old/com.a.json", "notes.txt"):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    source = Source(name="javadoc", parser="javadoc", roots=(tmp_path,))
    found = [(item.key, item.partition, item.path) for item in javadoc.discover(source)]
    assert found == [
        ("bbj_api://com.a.b", "com.a.b", "com.a.b.json"),
        ("bbj_api://com.a", "com.a", "com.a.json"),
        ("bbj_api://old/com.a", "com.a", "old/com.a.json"),
    ]


def test_a_class_is_a_document_with_its_package_and_page() -> None:
    document = page(f"Does things.\r\r[Docs]({DOCS})", method("go"), method("stop", "Stops."))
    assert document.source_url == "bbj_api://com.example.things/Thing"
    assert document.title == "Thing"
    assert document.section_path == ("com.example.things",)
    assert document.display_url == DOCS
    assert document.doc_type == "api-reference"
    assert document.generations == ()
    assert document.metadata == {
        "package": "com.example.things",
        "constructors": 0,
        "fields": 0,
        "methods": 2,
        "documented_methods": 1,
    }
    assert DOCS not in document.content


def test_the_content_of_a_class_is_a_reference_page() -> None:
    document = page(
        "Does things.",
        method("plain", "", ("int", "row")),
        method("setUrl", f"Sets it.\r\r[Docs]({DOCS}#set)", ("String", "url")),
        method("setUrl", f"Sets it.\r\r[Docs]({DOCS}#set)", ("String", "url"), ("boolean", "reload")),
        method("<init>", "", ("Shape<T>", "shape")),
        method("plain", "", ("int", "row")),
        fields=[{"name": "SIZE", "docu": "The <b>size</b>."}, {"name": "MAX", "type": "int"}],
        constructors=[{"name": "Thing", "docu": "", "params": [{"name": "untyped"}]}],
    )
    assert (
        document.content
        == """\
Does things.

## Constructors

```java
Thing(untyped)
Thing(Shape<T> shape)
```

## Fields

### SIZE

The **size**.

### Undocumented fields

```java
int MAX
```

## Methods

### setUrl

```java
setUrl(String url)
setUrl(String url, boolean reload)
```

Sets it.

[Docs](https://docs.example/objects/window/thing.htm#set)

### Undocumented methods

```java
plain(int row)
```"""
    )


def test_overloads_share_a_heading_and_keep_their_own_descriptions() -> None:
    content = page(
        "", method("put", "By key.", ("int", "k")), method("put", "By name.", ("String", "n")), method("put")
    ).content
    assert content == (
        "## Methods\n\n### put\n\n```java\nput(int k)\n```\n\nBy key.\n\n"
        "```java\nput(String n)\n```\n\nBy name.\n\n```java\nput()\n```"
    )


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("String", "```java\nString get()\n```"),
        ("Map<String, int[]>[]", "```java\nMap<String, int[]>[] get()\n```"),
        (None, "```java\nget()\n```"),
        ("the <i>size</i>", "### get\n\n```java\nget()\n```\n\n- Returns: the *size*"),
    ],
)
def test_the_return_value_is_in_the_signature_or_the_text(returns: str | None, expected: str) -> None:
    assert page("", method("get", returns=returns)).content == f"## Methods\n\n{expected}"


def test_parameters_with_a_description_are_listed() -> None:
    described = {"name": "go", "params": [{"name": "row", "type": "int", "docu": "from 0 &amp; up"}]}
    assert "go(int row)\n```\n\n- `row`: from 0 & up" in page("", described).content


@pytest.mark.parametrize(
    ("docu", "expected"),
    [
        ("a\r\n b\rc", "a b c"),
        ("one\r\rtwo", "one\n\ntwo"),
        ("one\r\n" + " " * 44 + "two\r\n three", "one\n\ntwo three"),
        ("one<p>two", "one\n\ntwo"),
        ("See <a href='../other/x.htm'>X</a>.", "See [X](https://docs.example/objects/other/x.htm)."),
        ("<div class=\"note\">Note</div>after", "Note\n\nafter"),
        ("Map<K, V> if a < b && c > d", r"Map\<K, V> if a < b && c > d"),
        ("x<String> of <B>bold</B>", r"x\<String> of **bold**"),
        ("List<B>", r"List\<B>"),
        ("&lt;b&gt; is a tag", r"\<b> is a tag"),
        ("<h1>Example</h1>x<h2>More</h2>", "#### Example\n\nx\n\n##### More"),
        ("<pre>x = 1\r\n\r\n" + " " * 50 + "y</pre>", "```bbj\nx = 1\n\n" + " " * 50 + "y\n```"),
        ("<ul><li>a\r\n" + " " * 48 + "<li>b</ul>", "- a\n- b"),
        ("le>\r\n<style>no</style></head><body><nav>no</nav><h1>go</h1>Goes.", "Goes."),
        ("a<span class=\"Apple-converted-space\"></span>b", "a b"),
        ("goes before </head>, always", r"goes before , always"),
        ("nul\0 byte", "nul byte"),
        ("see [Docs](https://x.example/y) too", "see [Docs](https://x.example/y) too"),
    ],
)  # fmt: skip
def test_descriptions_are_converted_to_markdown(docu: str, expected: str) -> None:
    content = page("", method("go", f"{docu}\r\r[Docs]({DOCS})")).content
    assert content == f"## Methods\n\n### go\n\n```java\ngo()\n```\n\n{expected}\n\n[Docs]({DOCS})"


def test_a_javadoc_comment_loses_its_asterisks_and_keeps_its_tags() -> None:
    comment = """/**
     * Maps {@code K} to {@link Object#hashCode() its hash}.
     *
     * <p>See <a href="{@docRoot}/x.html">there</a>:<pre>
     *   a < b;</pre>
     * @param <K> the key,
     *        of any type
     * @return {@literal <none>}
     * @see Map
     * @see Set
     */"""
    assert page(comment).content == (
        "Maps `K` to `its hash`.\n\nSee there:\n\n```java\na < b;\n```\n\n"
        "- **Parameter** `<K>`: the key, of any type\n- **Returns**: \\<none>\n- **See also**: `Map`, `Set`"
    )


def test_links_of_a_description_without_a_page_are_relative_to_the_class() -> None:
    content = page(f"[Docs]({DOCS})", method("go", "<a href='y.htm'>Y</a>")).content
    assert "[Y](https://docs.example/objects/window/y.htm)" in content


@pytest.mark.parametrize(
    ("link", "page_of_class", "page_of_method"),
    [
        ("HTTP://docs.example/x.htm", "HTTP://docs.example/x.htm", "HTTP://docs.example/x.htm"),
        ("javascript:alert(1)", None, None),
        ("JavaScript:void(0)", None, None),
        ("data:text/html;base64,PGI+", None, None),
        ("file:///etc/passwd", None, None),
        ("mailto:a@example.org", None, None),
        ("https:", None, None),
        ("http://[", None, None),
        ("", None, None),
        ("#", None, None),
        ("x.htm", None, "https://docs.example/objects/window/x.htm"),
        ("//docs.example/x.htm", None, "https://docs.example/x.htm"),
    ],
)
def test_only_a_web_url_is_the_page_of_a_description(
    link: str, page_of_class: str | None, page_of_method: str | None
) -> None:
    document = page(f"Does things.\r\r[Docs]({link})")
    assert (document.display_url, document.content) == (page_of_class, "Does things.")

    content = page(f"[Docs]({DOCS})", method("go", f"Goes.\r\r[Docs]({link})")).content
    linked = f"\n\n[Docs]({page_of_method})" if page_of_method else ""
    assert content == f"## Methods\n\n### go\n\n```java\ngo()\n```\n\nGoes.{linked}"


def test_a_duplicate_class_name_has_a_document_of_its_own() -> None:
    names = [{"name": name} for name in ("A", "A#2", "A", "B", "A")]
    urls = [document.source_url.removeprefix("bbj_api://com.example.things/") for document in parse(package(*names))]
    assert urls == ["A", "A#2", "A#3", "B", "A#4"]


def test_a_class_without_text_has_its_name_as_content() -> None:
    assert page().content == "Class `com.example.things.Thing`."


def test_a_package_is_a_document_only_if_it_has_a_description() -> None:
    assert parse(package()) == []
    assert parse(package(docu="BBjAPI Class Hierarchy")) == []
    (document,) = parse(package(docu="All the <b>things</b>."))
    assert (document.source_url, document.title) == ("bbj_api://com.example.things", "com.example.things")
    assert document.content == "All the **things**."


def test_a_byte_order_mark_is_ignored() -> None:
    assert [document.title for document in parse(b"\xef\xbb\xbf" + package({"name": "A"}))] == ["A"]


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", r"\$: "),
        (b"[]", r"\$: "),
        (b"{", r"\$: "),
        (b"\xff\xfe", r"\$: "),
        (b"[" * 100_000, r"\$: "),
        (b'{"name": "a", "classes": ' + b"[" * 100_000, r"\$: "),
        (b'{"name": "a"}', r"\$\.classes: "),
        (package({"name": 1}), r"\$\.classes\[0\]\.name: "),
        (package({"name": " "}), r"\$\.classes\[0\]\.name: "),
        (package({"name": "A", "docu": []}), r"\$\.classes\[0\]\.docu: "),
        (package({"name": "A", "methods": {}}), r"\$\.classes\[0\]\.methods: "),
        (package({"name": "A"}, {"name": "B", "methods": [{"name": "m", "params": [{"name": "p", "type": 5}]}]}),
         r"\$\.classes\[1\]\.methods\[0\]\.params\[0\]\.type: "),
    ],
)  # fmt: skip
def test_another_shape_is_a_parse_error_with_the_json_path(raw: bytes, where: str) -> None:
    with pytest.raises(ParseError, match=r"com\.example\.things\.json .*" + where):
        parse(raw)


@settings(max_examples=150, deadline=None)
@given(st.binary())
def test_any_bytes_are_documents_or_a_parse_error(raw: bytes) -> None:
    try:
        parse(raw)
    except ParseError:
        return


MARKUP = st.text(alphabet="<>/&;=\"'\r\n abpliK*{@}[]()#`|-!" + "\0\x01é", max_size=60)


@settings(max_examples=300, deadline=None)
@given(MARKUP, MARKUP, st.text(min_size=1))
def test_any_text_is_converted(class_docu: str, method_docu: str, name: str) -> None:
    try:
        (document,) = parse(package({"name": "A", "docu": class_docu, "methods": [method(name, method_docu)]}))
    except ParseError:
        assert not name.replace("\0", "").split() or not name.isprintable()
        return
    assert document.content
    assert "\0" not in document.content
    assert "\r" not in document.content


def read_corpus(corpus: Path) -> tuple[list[Item], list[Document]]:
    source = Source(name="javadoc", parser="javadoc", roots=(corpus / "javadoc",))
    items = list(javadoc.discover(source))
    files = SourceFiles(corpus / "javadoc")
    return items, [d for item in items for d in javadoc.parse(source, item, item.file.read_bytes(), files)]


def test_each_class_of_the_real_export_is_a_document(corpus: Path) -> None:
    items, documents = read_corpus(corpus)
    assert (len(items), len(documents)) == (41, 718)
    assert len({document.source_url for document in documents}) == 718
    assert sum(document.title == "BBjString" for document in documents) == 2


def test_every_method_of_the_real_export_is_in_a_document(corpus: Path) -> None:
    items, documents = read_corpus(corpus)
    lines = {document.source_url: set(document.content.split("\n")) for document in documents}
    methods = 0
    for item in items:
        for declared in json.loads(item.file.read_bytes())["classes"]:
            for each in declared["methods"]:
                methods += 1
                name = declared["name"] if each["name"] == "<init>" else each["name"]
                params = ", ".join(f"{p.get('type', '')} {p['name']}".strip() for p in each["params"])
                assert f"{name}({params})" in lines[f"{item.key}/{declared['name']}"]
    assert methods == 8_713


def test_no_html_is_left_in_the_text_of_the_real_export(corpus: Path) -> None:
    for document in read_corpus(corpus)[1]:
        prose = re.sub(r"^\s*(`{3,}).*?^\s*\1$|(`+)[^`\n]+\2", "", document.content, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"(?<!\\)</?[a-zA-Z][^>\n]*>|&(?:#\d+|[a-z]+);", prose), document.source_url
        assert "[Docs](" not in re.split(r"^## ", document.content, flags=re.MULTILINE)[0]
