"""`bbj-assets models`: adding and activating another model while search keeps working."""

import json
import signal
from collections import Counter
from collections.abc import Mapping
from functools import partial

import pytest

from bbj_assets.embedding.runner.batches import PROBE_TEXT
from bbj_assets.store.connection import connect
from bbj_assets.store.locks import index_lock
from bbj_assets_tests.cli.processes import wait_until
from bbj_assets_tests.cli.project import MarkdownProject, Project
from bbj_assets_tests.embedding.runner.batch_runs import waiting_for_locks
from bbj_assets_tests.fakes.model_server import refuse
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

ASSETS, INGEST = "bbj-assets", "bbj-ingest-all"
FIRST, SECOND = "nomic-embed-text", "another"


@pytest.fixture
def filled(project: MarkdownProject) -> MarkdownProject:
    project.ollama.models = {FIRST, SECOND}
    assert project.call(INGEST).exit_code == 0
    return project


def models(project: MarkdownProject) -> Mapping[str, Mapping[str, object]]:
    return {model["name"]: model for model in json.loads(project.call(ASSETS, "models", "--json").stdout)}


def found(project: MarkdownProject) -> list[str]:
    done = project.call(ASSETS, "search", "zither", "--json")
    assert done.exit_code == 0, done.output
    return [hit["source_url"] for hit in json.loads(done.stdout)]


def test_the_first_ingest_registers_the_model_with_its_embedder(filled: MarkdownProject) -> None:
    assert models(filled)[FIRST] == {
        "name": FIRST, "embedder": "ollama", "dimensions": 16, "active": True, "chunks": 3, "embedded": 3,
    }  # fmt: skip
    assert "3 of 3" in filled.call(ASSETS, "models").stdout


def test_search_uses_the_active_model_whatever_is_configured(filled: MarkdownProject) -> None:
    added = filled.call(ASSETS, "models", "add", SECOND)
    assert (added.exit_code, models(filled)[SECOND]["embedded"]) == (0, 3), added.output
    assert f"models activate {SECOND}" in added.stdout
    for name, other in ((SECOND, FIRST), (FIRST, SECOND)):
        activated = filled.call(ASSETS, "models", "activate", name)
        assert activated.exit_code == 0, activated.output
        assert f"models activate {other}" in activated.stdout, "the way back"
        asked = len(filled.ollama.requests)
        assert "notes://today.md" in found(filled)
        # The configured model is asked at once, while the database opens; the active one decides.
        assert {request.model for request in filled.ollama.requests[asked:]} == {FIRST, name}


def test_an_ingest_fills_the_active_model(filled: MarkdownProject) -> None:
    filled.call(ASSETS, "models", "add", SECOND)
    filled.call(ASSETS, "models", "activate", SECOND)
    filled.write("notes/tomorrow.md", "# Tomorrow\n\nA bassoon will be sold.")
    done = filled.call(INGEST)
    assert done.exit_code == 0, done.output
    assert {name: model["embedded"] for name, model in models(filled).items()} == {FIRST: 3, SECOND: 4}
    assert f"with {SECOND!r}" in done.output, "the model that is used is printed, because another one is configured"


def test_adding_a_model_again_does_the_rest(filled: MarkdownProject) -> None:
    filled.ollama.inject(None, refuse(404, "gone"))  # the probe, then the first texts
    assert filled.call(ASSETS, "models", "add", SECOND).exit_code == 1
    assert filled.call(ASSETS, "models", "add", SECOND).exit_code == 0
    filled.write("notes/tomorrow.md", "# Tomorrow\n\nA bassoon will be sold.")
    filled.call(INGEST)
    asked = len(filled.ollama.requests)
    assert filled.call(ASSETS, "models", "add", SECOND).exit_code == 0
    embedded = [text for request in filled.ollama.requests[asked:] for text in request.texts if "bassoon" in text]
    assert len(embedded) == 1
    assert sum(len(request.texts) for request in filled.ollama.requests[asked:]) == 2, "and the probe"


@pytest.mark.parametrize(
    ("ending", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_adding_a_model_that_was_interrupted_embeds_only_what_was_in_flight_again(
    project: MarkdownProject, ending: signal.Signals, code: int
) -> None:
    project.ollama.models = {FIRST, SECOND}
    for number in range(30):
        project.write(f"guide/many/{number}.md", f"# Page {number}\n\nText {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "2", "BBJ_ASSETS_EMBEDDING_WORKERS": "2"}
    assert project.call(INGEST).exit_code == 0
    project.ollama.latency = 0.1

    process = project.start(ASSETS, "models", "add", SECOND)
    wait_until(lambda: asked_for(project, SECOND).total() >= 10, process)
    assert (found(project)[0], models(project)[FIRST]["active"]) == ("notes://today.md", True)
    process.send_signal(ending)
    output, errors = process.communicate(timeout=30)

    assert process.returncode == code, output + errors
    assert ("adding the model again does the rest" in errors) == (code == 130)
    assert "Traceback" not in output + errors
    in_flight = asked_for(project, SECOND).total() - int(str(models(project)[SECOND]["embedded"]))
    assert 0 <= in_flight <= 2 * 2 * 2, "of each worker, a batch that is asked for, and one that is read and stored"
    assert in_flight < asked_for(project, SECOND).total(), "what was embedded until then is stored"
    refused = project.call(ASSETS, "models", "activate", SECOND)
    assert (refused.exit_code, found(project)[0]) == (2, "notes://today.md")
    project.ollama.latency = 0

    added = project.call(ASSETS, "models", "add", SECOND)

    assert added.exit_code == 0, added.output
    assert models(project)[SECOND]["embedded"] == models(project)[SECOND]["chunks"] == 33
    assert asked_for(project, SECOND).total() == 33 + in_flight
    assert models(project)[FIRST]["active"]
    assert "zither" not in asked_for(project, SECOND), "search asks the active model alone"


def is_waiting_for_locks(url: str, sessions: int) -> bool:
    return waiting_for_locks(url) == sessions


def asked_for(project: MarkdownProject, model: str) -> Counter[str]:
    """Return the texts that a model was asked to embed, and how often."""
    requests = [request for request in list(project.ollama.requests) if request.model == model]
    return Counter(text for request in requests for text in request.texts if text != PROBE_TEXT)


def test_a_model_is_not_filled_by_two_embedders(filled: MarkdownProject) -> None:
    filled.call(ASSETS, "models", "add", SECOND)
    filled.write("notes/tomorrow.md", "# Tomorrow\n\nA bassoon will be sold.")
    filled.call(INGEST)
    with FakeOpenAI(models=[SECOND], dimensions=16) as openai:
        filled.environment |= {
            "BBJ_ASSETS_OPENAI_BASE_URL": openai.url + "/v1",
            "BBJ_ASSETS_EMBEDDER": "openai",
            "BBJ_ASSETS_EMBEDDING_MODEL": SECOND,
        }
        refused = filled.call(ASSETS, "models", "add", SECOND, "--embedder", "openai")
        assert refused.exit_code == 1, refused.output
        assert f"models add {SECOND} --embedder ollama" in refused.output
        # An older version may have left the active model without its embedder, so that what is configured counts.
        filled.query("UPDATE models SET embedder = NULL WHERE active RETURNING name")
        refused = filled.call(INGEST)
        assert refused.exit_code == 2, refused.output
        assert f"{SECOND!r} were made by the embedder 'ollama'" in refused.output
        assert not any("bassoon" in text for text in openai.embedded)
    assert (models(filled)[SECOND]["embedded"], models(filled)[SECOND]["embedder"]) == (3, "ollama")


def test_a_model_with_gaps_is_not_activated_without_force(filled: MarkdownProject) -> None:
    filled.call(ASSETS, "models", "add", SECOND)
    filled.write("notes/tomorrow.md", "# Tomorrow\n\nA bassoon will be sold.")
    filled.call(INGEST)
    refused = filled.call(ASSETS, "models", "activate", SECOND)
    assert refused.exit_code == 2
    assert "3 of 4 chunks" in refused.output
    assert f"models add {SECOND} --embedder ollama" in refused.output
    assert models(filled)[FIRST]["active"]
    assert filled.call(ASSETS, "models", "activate", SECOND, "--force").exit_code == 0
    assert models(filled)[SECOND]["active"]


def test_a_model_is_removed_with_its_vectors_but_not_the_active_one(filled: MarkdownProject) -> None:
    filled.call(ASSETS, "models", "add", SECOND)
    refused = filled.call(ASSETS, "models", "remove", FIRST)
    assert (refused.exit_code, "the one that search uses" in refused.output) == (2, True)
    removed = filled.call(ASSETS, "models", "remove", SECOND)
    assert (removed.exit_code, "3 vectors" in removed.stdout) == (0, True)
    assert models(filled).keys() == {FIRST}
    assert filled.query("SELECT DISTINCT model FROM embeddings") == [(FIRST,)]


@pytest.mark.parametrize("order", [("activate", "remove"), ("remove", "activate")])
def test_of_two_commands_that_activate_and_remove_a_model_the_second_is_refused(
    filled: MarkdownProject, order: tuple[str, str]
) -> None:
    filled.call(ASSETS, "models", "add", SECOND)
    with connect(filled.url) as conn, index_lock(conn):  # as while an index is built
        processes = []
        for waiting, command in enumerate(order, 1):
            processes.append(process := filled.start(ASSETS, "models", command, SECOND))
            wait_until(partial(is_waiting_for_locks, filled.url, waiting), process)
    (_, done), (_, refused) = (process.communicate(timeout=60) for process in processes)
    assert [process.returncode for process in processes] == [0, 2], (done, refused)
    assert "Traceback" not in done + refused
    if order[0] == "activate":
        assert "the one that search uses" in refused
        assert models(filled)[SECOND]["active"]
        assert models(filled)[SECOND]["embedded"] == 3
    else:
        assert f"no model {SECOND!r}" in refused
        assert models(filled).keys() == {FIRST}
        assert models(filled)[FIRST]["active"]
    assert "notes://today.md" in found(filled)


@pytest.mark.parametrize("command", ["activate", "remove"])
def test_an_unknown_model_is_an_error_with_the_known_ones(filled: MarkdownProject, command: str) -> None:
    done = filled.call(ASSETS, "models", command, "nobody")
    assert done.exit_code == 2
    assert f"'nobody'. Its models: {FIRST}" in done.output


def test_a_model_that_is_not_pulled_says_how(filled: MarkdownProject) -> None:
    done = filled.call(ASSETS, "models", "add", "unheard-of")
    assert done.exit_code == 1
    assert "ollama pull unheard-of" in done.output
    assert models(filled).keys() == {FIRST}


def test_a_model_without_a_recorded_embedder_must_be_the_configured_one(filled: MarkdownProject) -> None:
    filled.query("UPDATE models SET embedder = NULL RETURNING name")  # as an index of an older version has it
    assert "notes://today.md" in found(filled)
    done = Project(filled.environment | {"BBJ_ASSETS_EMBEDDING_MODEL": SECOND}).call(ASSETS, "search", "zither")
    assert done.exit_code == 2
    assert f"{FIRST!r}" in done.stderr
    assert f"{SECOND!r} is configured" in done.stderr
