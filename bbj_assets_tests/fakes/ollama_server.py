"""A fake Ollama: `/api/embed`, `/api/tags` and `/api/version`.

In a test it is a context manager. A benchmark starts it as a process of its own, so that the two do not share one GIL,
and reads its address from the first line of its output:

    python -m bbj_assets_tests.fakes.ollama_server --port 0 --latency 0.05
"""

import argparse
import json
import signal
from collections.abc import Mapping, Sequence

from bbj_assets_tests.fakes.model_server import Embedding, FakeModelServer, Reply


class FakeOllama(FakeModelServer):
    """The part of Ollama's API that embedding needs."""

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        match method, path:
            case "POST", "/api/embed":
                inputs = body.get("input", [])
                texts = (inputs,) if isinstance(inputs, str) else tuple(inputs) if isinstance(inputs, list) else ()
                if self.context is not None and body.get("truncate") is not False:
                    texts = tuple(text[: self.context] for text in texts)
                return Embedding(str(body.get("model")), texts, body)
            case "GET", "/api/tags":
                models = [{"name": f"{name}:latest", "model": f"{name}:latest"} for name in sorted(self.models)]
                return Reply(json.dumps({"models": models}).encode())
            case "GET", "/api/version":
                return Reply(b'{"version":"0.0.0-fake"}')
        return Reply(b"404 page not found", 404)

    def render(self, request: Embedding, vectors: Sequence[str]) -> str:
        model = json.dumps(request.model)
        return f'{{"model":{model},"embeddings":[{",".join(vectors)}],"total_duration":1,"prompt_eval_count":1}}'

    def error(self, status: int, reason: str, headers: Mapping[str, str]) -> Reply:
        return Reply(json.dumps({"error": reason}).encode(), status, headers)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a request")
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--model", default="nomic-embed-text")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with FakeOllama(
        models=[options.model], dimensions=options.dimensions, latency=options.latency, port=options.port
    ) as server:
        print(server.url, flush=True)  # noqa: T201 - the line that a benchmark reads
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
