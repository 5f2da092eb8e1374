"""What regular expressions are written with, so that every supported Python reads them alike."""

import re

from bbj_assets_tests.conftest import REPOSITORY

_POSSESSIVE_GROUP = re.compile(r"(?<!\()\)(?:[*+?]|\{\{?[\d,]+\}\}?)\+")


def test_no_group_is_repeated_possessively() -> None:
    # Python 3.11.0 to 3.11.4, which Debian 12 has, gets it wrong where the group could match in several ways:
    # `(?:ab?c)*+` takes all of "aca", and the front matter of no page was found. `(?>(?:ab?c)*)` means the same, and
    # is right everywhere, as is what repeats a single character: `[ab]*+`.
    modules = sorted((REPOSITORY / "bbj_assets").rglob("*.py"))
    assert len(modules) > 100

    found = [
        f"{module.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for module in modules
        for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), start=1)
        if _POSSESSIVE_GROUP.search(line)
    ]

    assert found == []
