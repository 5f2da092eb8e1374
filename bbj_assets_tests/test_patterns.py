"""A rule for regular expressions that no linter checks: no possessive quantifier after a group.

`(?:ab?c)*+` fails on Python 3.11.0 to 3.11.4 (Debian 12 has 3.11.2) when the group can match in several ways: there
it takes all of "aca", so the front matter of every page was missed. `(?>(?:ab?c)*)` means the same and works on every
version. A possessive quantifier after a single character or a class (`[ab]*+`) works too.
"""

import re

import pytest

from bbj_assets_tests.conftest import REPOSITORY

_POSSESSIVE_GROUP = re.compile(r"(?<!\()\)(?:[*+?]|\{\{?[\d,]+\}\}?)\+")


@pytest.mark.parametrize("pattern", ["(?:ab?c)*+", "(?:a)?+", "(a)++", "(?:a){2,}+", 'rf"(?:a){{2,5}}+"'])
def test_a_possessive_group_is_detected(pattern: str) -> None:
    assert _POSSESSIVE_GROUP.search(pattern)


@pytest.mark.parametrize("pattern", ["(?>(?:ab?c)*)", "[ab]*+", "a++", "(?:a)*", "(?:a){2,5}"])
def test_other_repetition_is_allowed(pattern: str) -> None:
    assert not _POSSESSIVE_GROUP.search(pattern)


def test_no_pattern_has_a_possessive_group() -> None:
    modules = sorted((REPOSITORY / "bbj_assets").rglob("*.py"))
    assert len(modules) > 100

    found = [
        f"{module.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for module in modules
        for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), start=1)
        if _POSSESSIVE_GROUP.search(line)
    ]

    assert found == []
