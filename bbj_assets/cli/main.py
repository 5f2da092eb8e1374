"""`bbj-assets`: ask the index, look at it, and reach its database. No command here imports Dagster, but for `forget`.

Each command imports what it needs when it runs, so that a question is answered in the time of a search.
"""

import json

import click

from bbj_assets.cli.commands import clear_errors
from bbj_assets.cli.database import database
from bbj_assets.cli.failures import failures
from bbj_assets.cli.models import models
from bbj_assets.cli.report import report
from bbj_assets.enrichment.generations import GENERATIONS, UNTAGGED
from bbj_assets.settings import load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Ask the index of BBj documentation, and look after it.

    `bbj-ingest-all` fills it; `make ui` opens Dagster's web UI on the same state.
    """


@main.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option(
    "--generation",
    type=click.Choice([*GENERATIONS, UNTAGGED]),
    help="Only what applies to this BBj generation.",
)
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="The number of documents.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits as JSON, with their whole chunks.")
@clear_errors
def search(
    question: tuple[str, ...], sources: tuple[str, ...], generation: str | None, limit: int, *, as_json: bool
) -> None:
    """Find the pages that answer QUESTION.

    \b
    bbj-assets search "run JavaScript in a BBjHtmlView"
    bbj-assets search "sort a grid" --source javadoc --json
    """
    from bbj_assets.cli.hits import hits_json, print_hits
    from bbj_assets.search import Filters
    from bbj_assets.search.ask import ask

    asked = " ".join(question)
    if not any(character.isalnum() for character in asked):
        raise click.UsageError('Ask with words: bbj-assets search "run JavaScript in a BBjHtmlView"')
    try:
        asked.encode()
    except UnicodeEncodeError:  # bytes of an argument that are not UTF-8 arrive as lone surrogates
        raise click.UsageError("The question is not UTF-8. Set the terminal, or LANG, to UTF-8.") from None
    hits = ask(load_settings(), asked, Filters(sources, generation), limit)
    if as_json:
        click.echo(json.dumps(hits_json(hits), indent=2, ensure_ascii=False))
    else:
        print_hits(hits)


@main.command()
@click.argument("source")
@click.option("--force", is_flag=True, help="Even if sources.toml has it, so that the next ingest brings it back.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
@clear_errors
def forget(source: str, *, force: bool, as_json: bool) -> None:
    """Remove SOURCE from the index after it was taken out of sources.toml.

    Its documents, chunks and failures are removed at once, its vectors after their grace period.
    """
    from bbj_assets.forget import forget as remove

    settings = load_settings()
    waiting = f"Another run over {source} has to end first. Waiting; Ctrl-C gives up."
    forgotten = remove(settings, source, force=force, on_wait=lambda: click.echo(waiting, err=True))
    if as_json:
        click.echo(json.dumps(forgotten.as_json(), indent=2))
        return
    click.echo(
        f"Removed {source} from the index: {forgotten.documents:,} documents, {forgotten.chunks:,} chunks, "
        f"{forgotten.failures:,} failures."
    )
    if forgotten.fetched_pages:
        click.echo(f"The pages fetched from its site are still in {forgotten.fetched_pages}; delete them if you wish.")


for command in (report, failures, models, database):
    main.add_command(command)
