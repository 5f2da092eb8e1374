"""`bbj-assets failures`: what could not be done, where it is, and what to do about it."""

import fcntl
import json
import mmap
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bbj_assets.errors import BBjAssetsError
from bbj_assets.outcomes import Failure, Stage
from bbj_assets.settings import Settings, load_sources
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets.store.models import active_model

_REMEDIES = {
    "file": "Correct the file as its error says; the next run reads it again. To leave a file out, name it in "
    "`exclude` of its source in sources.toml.",
    "parser": "Not foreseen by the parser: it may be a fault in it. Report it with the error and the file; until then "
    "`exclude` in sources.toml leaves the file out.",
    "text": "The model refuses this text. Shorten or split the passage, or set a smaller BBJ_ASSETS_CHUNK_TOKENS; "
    "until then the page is found by its words only.",
    "embedder": "The embedder gave up. See that it answers, then run again.",
}
_TRY_AGAIN = (
    "Every run tries them again; `bbj-ingest-all --retry-failed`, or the job `retry_failed` in the web UI, tries only "
    "them."
)


def stored_failures(
    settings: Settings, source: str | None, stage: Stage | None
) -> tuple[list[StoredFailure], str | None]:
    """The failures there are, of one source and stage or of all, and the model that search uses.

    Raises:
        ConfigurationError: no failure is of that source, and sources.toml does not have it either.
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
    """What a person can do about it."""
    if failure.stage == "parse":
        return _REMEDIES["file" if failure.error_type == "ParseError" else "parser"]
    return _REMEDIES["text" if failure.error_type == "TextRejected" else "embedder"]


def failure_json(failure: StoredFailure) -> dict[str, object]:
    """One failure as plain data; times are ISO 8601 in UTC."""
    return {
        "source": failure.source,
        "section": failure.partition_key,
        "stage": failure.stage,
        "source_url": failure.source_url,
        "item": failure.item if failure.stage == "parse" else None,
        "content_hash": failure.item if failure.stage == "embed" else None,
        "model": failure.model or None,
        "error_type": failure.error_type,
        "error": failure.error,
        "attempts": failure.attempts,
        "run_id": failure.run_id,
        "first_failed_at": _utc(failure.first_failed_at),
        "last_failed_at": _utc(failure.last_failed_at),
        "remedy": remedy(failure),
    }


def append_failures(file: Path, failures: Sequence[StoredFailure]) -> bool:
    """Append the failures to a file of JSON lines, each with the time of this export; what is there stays.

    But for half a line at its end, which an interrupted export left: it is cut off, so that all lines can be read.

    Returns:
        Whether half a line was cut off.

    Raises:
        BBjAssetsError: the file cannot be written.
    """
    exported_at = _utc(datetime.now(UTC))
    lines = [json.dumps({**failure_json(failure), "exported_at": exported_at}) + "\n" for failure in failures]
    try:
        with file.open("a+b") as export:
            fcntl.flock(export, fcntl.LOCK_EX)  # half a line may also be one that another export is about to end
            unended = _unended_line(export)
            cut_off = _is_half_a_failure(unended)
            if cut_off:
                export.truncate(export.seek(-len(unended), os.SEEK_END))
            elif unended:
                lines.insert(0, "\n")
            export.write("".join(lines).encode())
    except OSError as error:
        raise BBjAssetsError(f"Cannot write to {file}: {error.strerror}. Name a file in a folder of yours.") from error
    return cut_off


def _unended_line(file: BinaryIO) -> bytes:
    """What stands after the last newline."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content[content.rfind(b"\n") + 1 :]


def _is_half_a_failure(line: bytes) -> bool:
    """Whether it begins as a record and does not end as one; anything else is somebody's, and not for us to cut."""
    if not line.startswith(b"{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def print_failures(failures: Sequence[StoredFailure], model: str | None) -> None:
    """Print a table of them, then what to do about each kind; `model` is the one that search uses."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not failures:
        console.print("Nothing has failed.")
        return
    others = sorted({failure.model for failure in failures} - {"", model})
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=True)
    table.add_column("Where", ratio=2, overflow="fold")
    table.add_column("What", ratio=3, overflow="fold")
    table.add_column("Tries", justify="right", no_wrap=True)
    table.add_column("Last (UTC)", no_wrap=True)
    for failure in failures:
        place = failure.source_url or f"{failure.source}, text {failure.item[:12]}"
        last = f"{failure.last_failed_at.astimezone(UTC):%m-%d %H:%M}" if failure.last_failed_at else ""
        kind = f"{failure.error_type}, {failure.model}" if failure.model in others else failure.error_type
        table.add_row(Text(place), Text(f"{failure.error} [{kind}]"), f"{failure.attempts:,}", last)
    console.print(table)
    console.print()
    for advice, count in _advice(failures).items():
        console.print(f"{count:,} x  {advice}", markup=False, soft_wrap=True)
    console.print(_TRY_AGAIN, markup=False, soft_wrap=True)
    for other in others:
        said = f"Those of {other}, which search does not use, are tried again by `bbj-assets models add {other}`."
        console.print(said, markup=False, soft_wrap=True)


def _advice(failures: Sequence[Failure]) -> dict[str, int]:
    counts = dict.fromkeys(_REMEDIES.values(), 0)
    for failure in failures:
        counts[remedy(failure)] += 1
    return {advice: count for advice, count in counts.items() if count}


def _utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="seconds") if time else None
