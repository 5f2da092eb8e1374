"""A reader who follows the pages on a machine of their own, and runs each command once."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from bbj_assets.cli import ingest_all, main
from bbj_assets_tests.conftest import REPOSITORY

_PROGRAMS = {"bbj-ingest-all": ingest_all.main, "bbj-assets": main.main}
_OUR_PROGRAMS = Path(sys.executable).parent
_WIDTH = "110"
_OLD_SOURCE = """
[[sources]]
name = "mdx-old"
parser = "mdx"
paths = ["tutorials/dwc/docs"]
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and what a terminal shows of it."""

    code: int
    printed: str


@dataclass
class Reader:
    """A checkout with the sample data, a home with an embedded database, and servers for Ollama and the sample sites.

    Attributes:
        folder: holds the checkout and the home.
        servers: the variables that say where the servers are.
        done: the commands that were run, by their line.
    """

    folder: Path
    servers: dict[str, str]
    done: dict[str, Done] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def set_up(self) -> None:
        """Make the checkout: the repository's files, with a copy of the sample data that can be changed."""
        self.home.mkdir()
        self.checkout.mkdir()
        for name in ("Makefile", "sources.toml", "dagster.yaml", ".env.example"):
            (self.checkout / name).symlink_to(REPOSITORY / name)
        (self.checkout / ".venv").symlink_to(sys.prefix)
        shutil.copytree(REPOSITORY / "sample_data", self.checkout / "sample_data")
        self._write_table()

    def run(self, line: str) -> Done:
        """Run a command of `bbj-ingest-all` or `bbj-assets`, after preparing what it works on."""
        if line not in self.done:
            words = shlex.split(line)
            self._prepare(*words[:2])
            self.done[line] = self._call(words)
        return self.done[line]

    def make_ingest(self) -> Done:
        """Run `make ingest` as a process; only the installation, which is older than its inputs here, is skipped."""
        if "make ingest" not in self.done:
            ended = subprocess.run(
                ["make", "--old-file=.venv/.runtime", "ingest"],
                cwd=self.checkout,
                env={**_environment_without_make(), **self._environment, "PATH": _path_without_our_programs()},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            self.done["make ingest"] = Done(ended.returncode, ended.stdout)
        return self.done["make ingest"]

    def _call(self, words: list[str]) -> Done:
        """Run a program in this process, which spares it the seconds that importing Dagster takes.

        `bbj-ingest-all` has a small table of sources. With all sources, each of its commands would take as much longer.
        """
        program, *arguments = words
        table = "small.toml" if program == "bbj-ingest-all" else "sources.toml"
        environment = {
            **self._environment,
            "BBJ_ASSETS_CONFIG": str(self.checkout / table),
            "PATH": f"{_OUR_PROGRAMS}:{os.environ['PATH']}",
        }
        with chdir(self.checkout):
            result = CliRunner(env=environment).invoke(_PROGRAMS[program], arguments, prog_name=program)
        error = f"\n{result.exception!r}" if result.exception and not isinstance(result.exception, SystemExit) else ""
        return Done(result.exit_code, result.output + error)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **self.servers,
            "BBJ_ASSETS_HOME": str(self.home),
            "BBJ_ASSETS_PARSE_WORKERS": "1",
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "COLUMNS": _WIDTH,
        }

    def _prepare(self, program: str, command: str = "") -> None:
        broken = self.checkout / "sample_data/tutorials/dwc/docs/broken.md"
        if program == "bbj-ingest-all":
            broken.unlink(missing_ok=True)
        elif command == "failures" and not broken.exists():
            broken.write_bytes(bytes(range(256)))
            self._call(["bbj-ingest-all"])
        elif command == "forget":
            self._write_table(more=_OLD_SOURCE)
            self._call(["bbj-ingest-all", "--source", "mdx-old"])
            self._write_table()

    def _write_table(self, more: str = "") -> None:
        """Write a table of one source as `sources.toml` has it, and of `more`."""
        head, *sources = re.split(
            r"(?m)^(?=\[\[sources\]\])", (REPOSITORY / "sources.toml").read_text(encoding="utf-8")
        )
        [source] = [source for source in sources if 'name = "mdx-dwc"' in source]
        (self.checkout / "small.toml").write_text(f"{head}{source}{more}", encoding="utf-8")


def _environment_without_make() -> dict[str, str]:
    """Return the environment without what `make test ARGS=...` hands on to every make below it."""
    of_make = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in of_make}


def _path_without_our_programs() -> str:
    """Return PATH as it is before `source .venv/bin/activate`."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder) != _OUR_PROGRAMS)
