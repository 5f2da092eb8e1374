"""What Compose would refuse of a file, where there is no Compose to ask: the rules of compose-spec for what we use.

A key that none of our services has counts as a mistake; add it here when one needs it.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

_TOP = {"name", "services", "volumes"}
_SERVICE = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "ports",
    "read_only", "restart", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
_HEALTHCHECK = {"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"}
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
_RESTARTS = {"no", "always", "unless-stopped", "on-failure"}
_DURATION = re.compile(r"(\d+(\.\d+)?(us|ms|s|m|h|d|w))+")
_PORT = re.compile(r"([\d.]+:)?\d+(-\d+)?:\d+(-\d+)?(/(tcp|udp))?")


def has_compose() -> bool:
    """Whether Docker's client is here and has the plugin."""
    client = shutil.which("docker")
    if client is None:
        return False
    return subprocess.run([client, "compose", "version"], capture_output=True, check=False).returncode == 0


def violations(read: Mapping[str, Any]) -> list[str]:
    """What breaks a rule in a file whose variables are replaced."""
    unknown = [f"unknown key {key}" for key in read if key not in _TOP and not key.startswith("x-")]
    declared = set(read.get("volumes") or ())
    return unknown + [
        f"{name}: {message}"
        for name, service in read["services"].items()
        for message in _of_service(service, read["services"], declared)
    ]


def _of_service(service: Mapping[str, Any], services: Mapping[str, Any], declared: set[str]) -> Iterator[str]:
    yield from (f"unknown key {key}" for key in service if key not in _SERVICE)
    if not {"image", "build"} & service.keys():
        yield "has neither image nor build"
    for key in ("command", "entrypoint"):
        if key in service and not _is_words(service[key]):
            yield f"{key} is neither text nor a list of texts"
    for key, value in service.get("environment", {}).items():
        if not isinstance(value, str | int | float | None) or isinstance(value, bool):
            yield f"{key} of environment is neither text nor number"
    if str(service.get("restart", "no")).split(":")[0] not in _RESTARTS:
        yield f"restart is {service['restart']}"
    yield from _of_waits(service.get("depends_on", {}), services)
    for volume in service.get("volumes", ()):
        what, *where = volume.split(":")
        if not where:
            yield f"the volume {volume} has no place in the container"
        elif not what.startswith((".", "/", "~")) and what not in declared:
            yield f"the volume {what} is not declared"
    yield from (f"the port {port}" for port in service.get("ports", ()) if not _PORT.fullmatch(port))
    check = service.get("healthcheck", {})
    yield from (f"unknown key {key} of healthcheck" for key in check if key not in _HEALTHCHECK)
    times = [service.get("stop_grace_period"), *(check.get(k) for k in ("interval", "timeout", "start_period"))]
    yield from (f"{time} is no duration" for time in times if time is not None and not _DURATION.fullmatch(str(time)))


def _of_waits(waits: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[str]:
    for other, how in waits.items():
        if other not in services:
            yield f"depends on {other}, which is no service"
        elif how["condition"] not in _CONDITIONS:
            yield f"waits for {other} to be {how['condition']}"
        elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
            yield f"waits for the health of {other}, which has no check"


def _is_words(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(word, str) for word in value))
