"""The environment variables that the package reads, to keep the developer's own values from the tests."""

import os

from pydantic import AliasChoices

from bbj_assets.settings import Settings

PREFIX = "BBJ_ASSETS_"
READ_ELSEWHERE = {"BBJ_HOME", "DAGSTER_HOME"}
"""Read by the table of sources and by Dagster."""


def variables_of_settings() -> set[str]:
    """Return the names of all variables that `Settings` reads."""
    names = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or PREFIX + field]
        names |= {str(choice).upper() for choice in choices}
    return names


def clear_environment() -> None:
    """Remove what the package reads; the variables of the test suite itself stay, for its other processes."""
    for name in list(os.environ):
        if name.upper() in variables_of_settings() | READ_ELSEWHERE:
            del os.environ[name]
