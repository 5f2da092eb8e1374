"""Partials: Markdown files that are inlined, and files that are shown as code."""

from hashlib import sha256

import pytest

from bbj_assets_tests.sources.mdx.pages import Site, warnings


def test_a_partial_is_inlined_with_its_properties_and_is_a_dependency(site: Site) -> None:
    partial = (
        "---\ntitle: T\n---\nimport Deep from '../_deep.mdx';\n\nHello {props.name}.\n\n<Deep name={props.name} />"
    )
    site.write({"shared/_note.md": partial, "_deep.mdx": "Deeper: {props.name} {props.missing}`{props.name}`"})

    documents, dependencies = site.documents(
        "import Note from './shared/_note.md';\n\nBefore\n\n<Note name='World' />\n\nAfter"
    )

    assert documents[0].content == "Before\n\nHello World.\n\nDeeper: World `{props.name}`\n\nAfter"
    assert dependencies == {
        "shared/_note.md": sha256(partial.encode()).hexdigest(),
        "_deep.mdx": sha256((site.root / "_deep.mdx").read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize(
    "reference", ["@site/docs/shared/_note.md", "@site/documentation/shared/_note.md", "/shared/_note.md"]
)
def test_site_references_are_found_below_the_root(site: Site, reference: str) -> None:
    site.write({"shared/_note.md": "Found"})

    assert site.page(f"import N from '{reference}';\n\n<N />", "deep/down/page.md").content == "Found"


def test_an_unused_partial_is_not_read(site: Site) -> None:
    assert site.documents("import N from './_missing.md';\n\nText")[1] == {}


def test_a_missing_partial_is_a_warning_that_names_both_files(site: Site) -> None:
    documents, dependencies = site.documents("import N from './_gone.md';\n\nBefore\n\n<N>child</N>", "guide/page.md")

    assert documents[0].content == "Before\n\nchild"
    (warning,) = warnings(documents[0])
    assert "guide/page.md" in warning
    assert "_gone.md" in warning
    assert dependencies["guide/_gone.md"] == ""


@pytest.mark.parametrize("reference", ["../_outside.md", "@site/../_outside.md"])
def test_a_partial_outside_of_the_root_is_not_read(site: Site, reference: str) -> None:
    (site.root.parent / "_outside.md").write_text("secret")

    page = site.page(f"import N from '{reference}';\n\nText\n\n<N />")

    assert page.content == "Text"
    assert warnings(page)


def test_partials_that_include_each_other_are_inlined_once(site: Site) -> None:
    site.write({"_a.md": "import B from './_b.md'\n\nA <B/>", "_b.md": "import A from './_a.md'\n\nB <A/>"})

    page = site.page("import A from './_a.md'\n\n<A/>")

    assert page.content.split() == ["A", "B"]
    assert warnings(page) == ["_b.md imports _a.md, which includes it in turn."]


def test_multiplying_partials_are_limited(site: Site) -> None:
    site.write({f"_{i}.md": f"import N from './_{i + 1}.md'\n\n" + "<N/>\n\n" * 10 for i in range(10)})

    page = site.page("import N from './_0.md'\n\n<N/>")

    assert "one partial too many" in " ".join(warnings(page))


@pytest.mark.parametrize(
    ("page", "partial", "expected"),
    [
        ("## Results\n\n<N/>", "## Results {#results}\n\nText", "## Results\n\nText"),
        ("<N/>\n\nMore", "# Page title\n\nText", "Text\n\nMore"),
        ("## Results\n\nBetween\n\n<N/>", "## Results\n\nText", "## Results\n\nBetween\n\n## Results\n\nText"),
        ("- item\n\n  <N/>\n\n- next", "One\n\n```js\nx\n```", "- item\n\n  One\n\n  ```js\n  x\n  ```\n\n- next"),
        ("A line with <N/> in it", "one sentence", "A line with one sentence in it"),
    ],
)
def test_a_partial_fits_into_the_text_around_it(site: Site, page: str, partial: str, expected: str) -> None:
    site.write({"_n.md": partial})

    document = site.page(f"---\ntitle: Page title\n---\nimport N from './_n.md'\n\n{page}")

    assert document.content == expected


def test_a_file_imported_as_text_is_shown_as_code(site: Site) -> None:
    site.write({"code/hello.bbj": 'print "<hello>"\n'})

    content = site.content(
        "import S from '!!raw-loader!./code/hello.bbj';\n\n<CodeBlock language='bbj'>{S}</CodeBlock>"
    )

    assert content == '```bbj\nprint "<hello>"\n```'
