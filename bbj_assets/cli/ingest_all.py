"""`bbj-ingest-all`: bring every source up to date, each in a Dagster run of its own."""

import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from bbj_assets.cli.ingest_lock import IngestLock
from bbj_assets.cli.interrupts import INTERRUPTED, interruptible
from bbj_assets.cli.invocation import Invocation, last_invocation, new_invocation
from bbj_assets.cli.live import LiveProgress
from bbj_assets.cli.session import Session, run_all
from bbj_assets.cli.summary import print_summary, summary_json
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.embedding.in_use import settings_in_use
from bbj_assets.errors import ConfigurationError, DatabaseError
from bbj_assets.forget import leftover_warnings
from bbj_assets.store.connection import connect
from bbj_assets.store.models import active_model
from bbj_assets.store.outages import explaining
from bbj_assets.validation import Validated, validated

_EPILOG = """
\b
Examples:
  bbj-ingest-all                               everything that changed
  bbj-ingest-all --source mdx-dwc --clean      one source from nothing
  bbj-ingest-all --data-dir ~/bbj-docs         your own documentation
  bbj-ingest-all --resume                      after Ctrl-C or a crash

\b
Exit code: 0 all is well; 1 a source or an item failed; 2 wrong usage or configuration;
130 interrupted.

\b
Environment: BBJ_ASSETS_HOME (state, default .bbj_assets), BBJ_ASSETS_DATABASE_URL (default: an embedded
PostgreSQL), BBJ_ASSETS_EMBEDDER (embedded, ollama or openai), BBJ_ASSETS_EMBEDDING_MODEL, DATA_DIR,
OLLAMA_HOST, BBJ_HOME.
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", type=click.Path(path_type=Path), metavar="F", help="The table of sources [sources.toml].")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), metavar="D", help="What the sources' paths are relative to."
)
@click.option("--source", "names", multiple=True, metavar="NAME", help="Only this source; may be given several times.")
@click.option("--clean", is_flag=True, help="Delete the sources' documents first, then ingest them anew.")
@click.option("--resume", is_flag=True, help="Skip the sources that the last interrupted invocation completed.")
@click.option("--retry-failed", is_flag=True, help="Retry only the files and texts that failed before.")
@click.option("--allow-shrink", is_flag=True, help="Let a source lose more than half of its documents.")
@click.option(
    "--parallel/--sequential", default=True, help="Several sources at once, or one after the other [parallel]."
)
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Batches embedded at once [4].")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON; progress goes to stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Show every stage and Dagster's log.")
@interruptible("Interrupted. What was done is stored.")
def main(
    *,
    config: Path | None,
    data_dir: Path | None,
    names: tuple[str, ...],
    clean: bool,
    resume: bool,
    retry_failed: bool,
    allow_shrink: bool,
    parallel: bool,
    workers: int | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Bring the search index up to date with every source in sources.toml.

    Only what changed is parsed, and only text that is new is embedded, so running it again costs next to nothing.
    Every source is a Dagster run of its own (`make ui` shows them). A source that fails does not stop the others.
    """
    if clean and (resume or retry_failed):
        raise click.UsageError("--clean starts from nothing, so it cannot be combined with --resume or --retry-failed.")
    console = Console(stderr=as_json)
    started = time.monotonic()
    try:
        given = {"config": config, "data_dir": data_dir, "embedding_workers": workers}
        with (
            validated(names, **given) as found,
            IngestLock(found.url, partial(_say, console)) as lock,
        ):
            _say(console, f"Validation OK: {len(found.sources)} sources, database connected, embedder ready")
            _say_other_model(console, found)
            warnings = _leftovers(found)
            invocation = _invocation(found, console, resume=resume)
            live = LiveProgress(console, [source.name for source in found.sources], verbose=verbose)
            session = Session(
                validated=found,
                invocation=invocation,
                live=live,
                lock=lock,
                options=IngestOptions(
                    clean=clean,
                    retry_failed=retry_failed,
                    allow_shrink=allow_shrink,
                    invocation=invocation.id,
                    verbose=verbose,
                ),
                at_once=min(os.cpu_count() or 1, len(found.sources)) if parallel else 1,
            )
            outcomes = run_all(session)
    except ConfigurationError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except DatabaseError as error:
        click.echo(error, err=True)
        sys.exit(1)
    seconds = time.monotonic() - started
    print_summary(console, live.states, outcomes, seconds)
    for warning in warnings:
        _say(console, f"Warning: {warning}")
    if as_json:
        click.echo(json.dumps(summary_json(live.states, outcomes, seconds) | {"warnings": warnings}, indent=2))
    if live.stopping.is_set():
        _say(console, "Interrupted. What was done is stored; `bbj-ingest-all --resume` does the rest.")
        sys.exit(INTERRUPTED)
    if not all(outcome.good for outcome in outcomes.values()):
        sys.exit(1)
    _say(console, f'Ask the index:  {_sibling("bbj-assets")} search "run JavaScript in a BBjHtmlView"')


def _leftovers(found: Validated) -> list[str]:
    with explaining("look up which sources are in the index", found.url), connect(found.url) as conn:
        return leftover_warnings(conn, found.table)


def _invocation(found: Validated, console: Console, *, resume: bool) -> Invocation:
    home, sources = found.settings.home, found.sources
    last = last_invocation(home) if resume else None
    invocation = new_invocation(home, [source.name for source in sources])
    if last is not None and last.interrupted:
        for name in set(last.completed) & set(invocation.sources):
            invocation.complete(name)
        _say(console, f"Resuming: {len(invocation.completed)} of {len(sources)} sources are completed already.")
    elif resume:
        _say(console, "Nothing to resume: the last invocation was complete. Looking at all sources.")
    return invocation


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _say_other_model(console: Console, found: Validated) -> None:
    with explaining("look up the active model", found.url), connect(found.url) as conn:
        used = settings_in_use(found.settings, active_model(conn))
    if used is not found.settings:
        _say(
            console,
            f"Embedding with {used.embedding_model!r} ({used.embedder}), the active model of this index. The "
            "configured one applies to an index without a model, and to `bbj-assets models add`.",
        )


def _sibling(program: str) -> str:
    """Return how to start another program of the folder that this one was started from."""
    return program if os.sep not in sys.argv[0] or shutil.which(program) else str(Path(sys.argv[0]).with_name(program))
