"""Opening the Dagster instance of this installation in a process of the command line."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._serdes import ConfigurableClassData

from bbj_assets.defs.instance.pooled_sqlite import PooledSqliteStorage
from bbj_assets.settings import Settings


class CommandLineInstance(dg.DagsterInstance):
    """A Dagster instance for runs in several threads of one process.

    Dagster configures the `logging` module at the start of every run. That takes the module's lock and then the lock of
    each handler, while a run that emits an event takes them in the other order: two runs at once soon deadlock. So this
    class configures it once.

    Its SQLite storage, which is what a dagster.yaml without `storage` means, has pooled connections.
    """

    _handlers: Sequence[logging.Handler] | None = None

    @classmethod
    def config_schema(cls) -> Mapping[str, object]:
        """Return the keys that dagster.yaml may have for this class: none."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Return the default for each part of an instance that dagster.yaml does not configure."""
        storage = ConfigurableClassData(
            PooledSqliteStorage.__module__, PooledSqliteStorage.__name__, yaml.dump({"base_dir": base_dir})
        )
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}

    def get_yaml_python_handlers(self) -> Sequence[logging.Handler]:
        """Return the log handlers of dagster.yaml, which the first call configures."""
        if self._handlers is None:
            self._handlers = super().get_yaml_python_handlers()
        return self._handlers


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the Dagster instance of this installation: DAGSTER_HOME if that is set, else `<home>/dagster`.

    Beside what `CommandLineInstance` changes, stdout and stderr of steps are not captured, because Dagster redirects
    them for the whole process. Telemetry is off, with or without a dagster.yaml.
    """
    overrides = {
        "instance_class": {"module": CommandLineInstance.__module__, "class": CommandLineInstance.__name__},
        "compute_logs": {"module": NoOpComputeLogManager.__module__, "class": NoOpComputeLogManager.__name__},
        "telemetry": {"enabled": False},
    }
    reference = InstanceRef.from_dir(str(dagster_home(settings)), overrides=overrides)
    instance = dg.DagsterInstance.from_ref(reference)
    instance.get_yaml_python_handlers()  # here, before there are threads
    return instance


def dagster_home(settings: Settings) -> Path:
    """Return the folder of Dagster's state; without DAGSTER_HOME, made with the dagster.yaml beside sources.toml."""
    given = os.environ.get("DAGSTER_HOME")
    if given:
        return Path(given)
    home = settings.home.absolute() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    configuration, template = home / "dagster.yaml", settings.config.parent / "dagster.yaml"
    if not configuration.exists() and template.exists():
        configuration.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    return home
