"""Every command of the documentation works and prints what its page shows.

Commands of `bbj-ingest-all` and `bbj-assets` are run, and so is the SQL. `make` plans its other targets, because they
would run this suite or a server. What needs another machine (Docker, a package index, a shell) is held to the files
and services that it names. A command that none of these know fails the test.
"""

import re
import subprocess
from pathlib import Path

import pytest

from bbj_assets.cli import ingest_all, main
from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.deploy.compose import compose
from bbj_assets_tests.docs.output import shows
from bbj_assets_tests.docs.pages import Command, Page, all_pages, page
from bbj_assets_tests.docs.reader import Done, Reader

PAGES = all_pages()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if page.commands], ids=lambda page: page.name)
def test_every_command_works_and_prints_what_the_page_shows(page: Page, reader: Reader) -> None:
    for command in page.commands:
        done = _try(command, reader)
        if done is not None:
            assert done.code == 0, f"{command.line}\n{done.printed}"
            assert done.printed.strip(), f"{command.line} prints nothing"
        if command.output is not None:
            assert done is not None, f"{command.line} is not run, so its output cannot be compared"
            assert shows(command.output, done.printed), f"{command.line} prints:\n{done.printed}"


def _try(command: Command, reader: Reader) -> Done | None:
    """Run a command, or check the files that it names."""
    match command.words:
        case ["bbj-ingest-all" | "bbj-assets", *_]:
            return reader.run(command.line)
        case ["make", "ingest"]:
            return reader.make_ingest()
        case ["make", target, *_]:
            _check_target(target, command.line)
        case ["docker", "compose", "up", *_]:
            assert (REPOSITORY / "docker-compose.yml").is_file()
        case ["docker", "compose", "exec" | "logs", *words]:
            assert compose({"POSTGRES_PASSWORD": "a password"})["services"].keys() & set(words), command.line
        case ["cp", file, ".env"]:
            assert (REPOSITORY / file).is_file(), file
        case ["source", ".venv/bin/activate"]:
            assert (reader.checkout / ".venv/bin/activate").is_file()
        case ["pip", "install", "pre-commit"] | ["pre-commit", "install"]:
            assert (REPOSITORY / ".pre-commit-config.yaml").is_file()
        case _:
            pytest.fail(f"Nothing runs or checks this command: {command.line}")
    return None


def _check_target(target: str, line: str) -> None:
    """Check that `make` has the target, plans it, and lists it in its help; and that the files in `line` exist."""
    planned = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr
    listed = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert target == "help" or re.search(rf"^make {target}\s+\w", listed, re.MULTILINE), f"make help lacks {target}"
    for path in re.findall(r"[\w/]+/[\w./]+", line.partition("ARGS=")[2]):
        assert (REPOSITORY / path).exists(), path


def test_every_query_of_the_documentation_finds_rows(reader: Reader) -> None:
    queries = [query for page in PAGES for query in page.fences("sql")]
    assert queries
    with EmbeddedServer(reader.home).use() as url, connect(url) as conn:
        for query in queries:
            assert conn.execute(query.encode()).fetchall(), query


def test_every_option_of_the_documentation_is_one_of_a_program() -> None:
    known = {option for parameter in _parameters(ingest_all.main) for option in parameter}
    known |= {option for parameter in _parameters(main.main) for option in parameter}
    named = {code.split()[0] for page in PAGES for code in page.inline_code if re.match(r"--\w", code)}

    assert "--allow-shrink" in named
    assert named - known == {"--without-rest"} & named  # of sample_data/serve.py


def _parameters(command: object) -> list[list[str]]:
    own = [list(parameter.opts) + list(parameter.secondary_opts) for parameter in getattr(command, "params", ())]
    return own + [options for child in getattr(command, "commands", {}).values() for options in _parameters(child)]


def test_the_readme_begins_with_its_two_commands() -> None:
    assert [command.line for command in page("README.md").commands[:2]] == ["make ingest", "make test"]


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...\nd", "a\nd\n", True),
        ("a ... c", "a b c", True),
        ("pdf  (3.0 s)", "pdf (14.8 s)   ", True),
        ("12 chunks", "13 chunks", False),
        ("a", "a\nb", False),
        ("a.c", "abc", False),
        ("", "a", False),
    ],
)
def test_output_is_compared_but_for_seconds_widths_and_wildcards(shown: str, printed: str, expected: bool) -> None:
    assert shows(shown, printed) is expected


def test_commands_are_found_in_fences_tables_and_prose_with_their_output(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        "Run `DATA_DIR=x make ingest`, not `bbj-assets` or `ls`.\n\n"
        "```sh\nmake a\nmake b\n```\n\nIt prints:\n\n```text\nout\n```\n\n"
        "| do | this |\n|---|---|\n| all | `bbj-ingest-all` |\n\n    make c\n\n# Next\n\n```text\nno output\n```\n",
        encoding="utf-8",
    )

    commands = Page(file).commands

    assert [command.line for command in commands] == [
        "DATA_DIR=x make ingest",
        "make a",
        "make b",
        "bbj-ingest-all",
        "make c",
    ]
    assert [command.output for command in commands] == [None, None, "out\n", None, None]
    assert commands[0].words == ["make", "ingest"]
