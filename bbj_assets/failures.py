"""The failures of the index: list them with their remedies, and export them as JSON lines."""

import fcntl
import json
import mmap
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bbj_assets.errors import BBjAssetsError
from bbj_assets.outcomes import Failure, FailureStage
from bbj_assets.settings import Settings
from bbj_assets.source_table import load_sources
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets.store.models import active_model

REMEDIES = {
    "file": "Correct the file as its error says; the next run reads it again. To leave a file out, name it in "
    "`exclude` of its source in sources.toml.",
    "parser": "Not foreseen by the parser: it may be a fault in it. Report it with the error and the file; until then "
    "`exclude` in sources.toml leaves the file out.",
    "text": "The model refuses this text. Shorten or split the passage, or set a smaller BBJ_ASSETS_CHUNK_TOKENS; "
    "until then the page is found by its words only.",
    "embedder": "The embedder gave up. See that it answers, then run again.",
}


def stored_failures(
    settings: Settings, source: str | None, stage: FailureStage | None
) -> tuple[list[StoredFailure], str | None]:
    """Return the failures of one source and stage, or of all, and the name of the active model.

    Raises:
        ConfigurationError: the source has no failures, and sources.toml does not have it either.
        DatabaseError: the database cannot be reached.
    """
    with database(settings) as url, connect(url) as conn:
        found = list_failures(conn, source=source, stage=stage)
        active = active_model(conn)
    if source is not None and not found:  # a source that was taken out of the table may still have failures
        config = load_sources(settings, check_paths=False)
        if source not in config.disabled:
            config.select((source,))
    return found, active.name if active else None


def remedy(failure: Failure) -> str:
    """Return what a person can do about a failure."""
    if failure.stage == "parse":
        return REMEDIES["file" if failure.error_type == "ParseError" else "parser"]
    return REMEDIES["text" if failure.error_type == "TextRejected" else "embedder"]


def failure_json(failure: StoredFailure) -> dict[str, object]:
    """Return a failure as plain data; times are ISO 8601 in UTC."""
    return {
        "source": failure.source,
        "section": failure.partition_key,
        "stage": failure.stage,
        "source_url": failure.source_url,
        "item": failure.item if failure.stage == "parse" else None,
        "content_hash": failure.item if failure.stage == "embed" else None,
        "model": failure.model,
        "error_type": failure.error_type,
        "error": failure.error,
        "attempts": failure.attempts,
        "run_id": failure.run_id,
        "first_failed_at": _utc(failure.first_failed_at),
        "last_failed_at": _utc(failure.last_failed_at),
        "remedy": remedy(failure),
    }


def append_failures(file: Path, failures: Sequence[StoredFailure]) -> bool:
    """Append the failures to a file of JSON lines, each with the time of this export.

    An incomplete last line, which an interrupted export left, is removed, so that every line can be read. Everything
    else in the file stays.

    Returns:
        Whether an incomplete line was removed.

    Raises:
        BBjAssetsError: the file cannot be written.
    """
    exported_at = _utc(datetime.now(UTC))
    lines = [json.dumps({**failure_json(failure), "exported_at": exported_at}) + "\n" for failure in failures]
    try:
        with file.open("a+b") as export:
            fcntl.flock(export, fcntl.LOCK_EX)  # an incomplete line may also be one that another export is writing
            unended = _unended_line(export)
            was_cut = _is_cut_record(unended)
            if was_cut:
                export.truncate(export.seek(-len(unended), os.SEEK_END))
            elif unended:
                lines.insert(0, "\n")
            export.write("".join(lines).encode())
    except OSError as error:
        raise BBjAssetsError(f"Cannot write to {file}: {error.strerror}. Name a file in a folder of yours.") from error
    return was_cut


def _unended_line(file: BinaryIO) -> bytes:
    """Return what follows the last newline."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content[content.rfind(b"\n") + 1 :]


def _is_cut_record(line: bytes) -> bool:
    """Return whether a line begins as a record and does not end as one. Other text is not ours, and is kept."""
    if not line.startswith(b"{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="seconds") if time else None
