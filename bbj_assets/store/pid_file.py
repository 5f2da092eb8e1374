"""The file `postmaster.pid` of a PostgreSQL server, which stays behind when the server is killed."""

import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a server wrote about itself.

    The id of its process is not read: after a restart of the machine or of a container, another process has it.

    Attributes:
        address: the socket that the server listens on; None if it does not listen yet.
        is_ready: whether the server had started and was not stopping.
    """

    address: Path | None
    is_ready: bool

    @classmethod
    def parse(cls, text: str) -> "PidFile":
        """Parse the lines: process, data, start, port, folder of the socket, addresses, shared memory, state."""
        _process, _data, _start, port, folder, _addresses, _memory, state, *_ = [*text.splitlines(), *[""] * 8]
        return cls(Path(folder) / f".s.PGSQL.{port}" if folder else None, state.strip() == "ready")

    @property
    def has_listener(self) -> bool:
        """Return whether a process listens there. It need not answer: a server in recovery listens as well."""
        if self.address is None:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0)
            try:
                client.connect(str(self.address))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # its queue is full, or it listens for another user
                return True
        return True
