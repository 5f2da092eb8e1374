"""docs/settings.md has a row for every setting with its default, and no other rows; docs/deploy.md those of .env."""

import re

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from bbj_assets.settings import Settings
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.docs.pages import all_pages, page

OF_SOURCES_TOML = {"BBJ_HOME"}
"""Read by sources.toml, not by the settings."""

ROWS = page("docs/settings.md").rows
FIELDS = Settings.model_fields


def variables(name: str, field: FieldInfo) -> set[str]:
    """Return the variables that set a field."""
    alias = field.validation_alias
    names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []
    return {name for name in names if name.isupper()} or {f"BBJ_ASSETS_{name.upper()}"}


def documented(row: list[str]) -> set[str]:
    """Return the variables of a row of a table."""
    return set(re.findall(r"`([A-Z_]+)`", row[0]))


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_one_row_with_its_default(name: str) -> None:
    field = FIELDS[name]
    rows = [row for row in ROWS if documented(row) & variables(name, field)]

    assert len(rows) == 1, f"docs/settings.md has {len(rows)} rows for {variables(name, field)}"
    default = rows[0][2]
    if field.default is None:
        assert not re.fullmatch(r"`[^`]+`", default), f"{name} has no default of its own, but the page says {default}"
    else:
        assert default == f"`{field.default}`"


def test_every_row_is_a_setting() -> None:
    known = set().union(*(variables(name, field) for name, field in FIELDS.items()), OF_SOURCES_TOML)

    assert [row[0] for row in ROWS if not documented(row) or not documented(row) <= known] == []


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = set().union(*(variables(name, field) for name, field in FIELDS.items()), {"BBJ_ASSETS_EMBEDER"})
    known |= {"BBJ_ASSETS_TEST_CORPUS"}
    named = {name for page in all_pages() for name in re.findall(r"BBJ_ASSETS_[A-Z_]+", page.text)}

    assert named <= known


def test_every_variable_of_the_compose_file_is_documented_with_its_default() -> None:
    file = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", file))
    rows = {name: row for row in page("docs/deploy.md").rows for name in documented(row)}
    elsewhere = {name for row in ROWS for name in documented(row)}

    assert set(re.findall(r"\$\{(\w+)", file)) <= rows.keys() | elsewhere
    assert {name: row[2] for name, row in rows.items() if name in defaults} == {
        name: f"`{default}`" for name, default in defaults.items() if name in rows
    }
    assert rows.keys() - defaults.keys() == {"POSTGRES_PASSWORD"}
