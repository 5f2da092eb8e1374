"""docker-compose.yml, read as Compose reads it, and its services started on this machine instead of in containers.

The commands, the environments, the mounted folders and the health checks are all taken from the file, and what the
image holds from the Dockerfile, so that what is tested is what is deployed. Only names that exist in containers
alone are translated: folders, hosts and ports.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bbj_assets_tests.conftest import REPOSITORY

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<text>[^}]*))?\})")
_STOP_SECONDS = 60


class VariableRequired(Exception):
    """A variable without a default is not set."""


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables replaced."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        given = environment.get(match["name"], "")
        if match["kind"] == ":?" and not given:
            raise VariableRequired(f"{match['name']}: {match['text']}")
        return given or (match["text"] if match["kind"] == ":-" else "")

    def interpolated(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: interpolated(child) for key, child in node.items()}
        if isinstance(node, list):
            return [interpolated(child) for child in node]
        return _VARIABLE.sub(value, node) if isinstance(node, str) else node

    read: dict[str, Any] = interpolated(yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")))
    return read


def image_files() -> dict[str, list[str]]:
    """What the Dockerfile's last stage copies from the repository: destination folder -> files."""
    *_, last = re.split(r"^FROM ", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    copied: dict[str, list[str]] = {}
    for arguments in re.findall(r"^COPY (?!--from)(.+)$", last, re.MULTILINE):
        *files, destination = shlex.split(arguments)
        copied.setdefault(destination, []).extend(files)
    return copied


@dataclass
class Machine:
    """Where the services run as plain processes.

    Attributes:
        root: holds the folders of the containers: `/data` is `root/data`.
        names: what to write for a name of the containers, such as `:4000` or `code-server`, longest first.
    """

    root: Path
    services: Mapping[str, Any]
    names: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def lay_out(self) -> None:
        """Make the image's files and the volumes."""
        for destination, files in image_files().items():
            folder = self._here(destination)
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                text = (REPOSITORY / file).read_text(encoding="utf-8")
                (folder / Path(file).name).write_text(self.translated(text), encoding="utf-8")
        for service in self.services.values():
            if "build" in service:
                for volume in service["volumes"]:
                    what, where, *_ = volume.split(":")
                    self._mount(self.names.get(what, what), where)
        (self.root / "tmp").mkdir()

    def translated(self, text: str) -> str:
        """A text with the names of this machine in the place of the containers'."""
        for name, here in self.names.items():
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", here.replace("\\", r"\\"), text)
        return str(self._here(text)) if text.startswith("/") else text

    def start(self, name: str) -> None:
        """Start a service's command; what it prints goes to `root/<name>.log`."""
        with (self.root / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [self.translated(word) for word in self.services[name]["command"]],
                stdout=log,
                stderr=log,
                **self._setting(name),
            )

    def run(self, name: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command as `docker compose exec` would."""
        words = [self.translated(word) for word in command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=90, **self._setting(name))

    def wait_until_healthy(self, name: str, seconds: float = 90) -> None:
        """Repeat the service's own health check until it succeeds."""
        kind, *check = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        deadline = time.monotonic() + seconds
        while (done := self.run(name, check)).returncode != 0:
            assert self.running[name].poll() is None, f"{name} ended:\n{self.log(name)}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {done.stderr}\n{self.log(name)}"
            time.sleep(0.5)

    def stop(self) -> dict[str, int | None]:
        """Stop everything as Docker does, the last started first. Return exit codes, None for what had to be killed."""
        codes: dict[str, int | None] = {}
        for name, process in reversed(self.running.items()):
            process.terminate()
            try:
                codes[name] = process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes[name] = None
        self.running.clear()
        return codes

    def log(self, name: str) -> str:
        """The end of what a service has printed."""
        return (self.root / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _setting(self, name: str) -> dict[str, Any]:
        given = {key: self.translated(str(value)) for key, value in self.services[name]["environment"].items()}
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        whole = {
            **given,
            "PATH": programs,
            "HOME": str(self._here("/var/lib/bbj-assets")),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return {"env": whole, "cwd": self._here("/opt/bbj-assets")}

    def _mount(self, what: str, where: str) -> None:
        here = self._here(where)
        if here.exists() and not here.is_symlink() and here.is_file():
            here.unlink()
        if here.exists():
            return
        here.parent.mkdir(parents=True, exist_ok=True)
        if what.startswith((".", "/")):
            here.symlink_to((REPOSITORY / what).resolve())
        else:
            here.mkdir()

    def _here(self, path: str) -> Path:
        return self.root / path.lstrip("/")
