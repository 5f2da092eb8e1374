"""A fake OpenAI-compatible server: `/v1/embeddings`, with vectors in base64 or in numbers."""

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np

from bbj_assets_tests.fakes.model_server import Embedding, FakeModelServer, Reply


class FakeOpenAI(FakeModelServer):
    """Its vectors are in reverse order: the protocol promises an index, not an order.

    Attributes:
        knows_base64: False for a server that ignores `encoding_format` and always answers numbers.
    """

    knows_base64 = True

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        if (method, path) != ("POST", "/v1/embeddings"):
            return Reply(b'{"detail":"Not Found"}', 404)
        inputs = body["input"]
        texts = (inputs,) if isinstance(inputs, str) else tuple(inputs) if isinstance(inputs, list) else ()
        return Embedding(str(body["model"]), texts, body)

    def render(self, request: Embedding, vectors: Sequence[str]) -> str:
        if self.knows_base64 and request.body.get("encoding_format") == "base64":
            vectors = [_base64(vector) for vector in vectors]
        data = [
            f'{{"object":"embedding","index":{index},"embedding":{vector}}}' for index, vector in enumerate(vectors)
        ]
        return f'{{"object":"list","data":[{",".join(reversed(data))}],"model":{json.dumps(request.model)}}}'

    def error(self, status: int, reason: str, headers: Mapping[str, str]) -> Reply:
        error = {"message": reason, "type": "error", "code": reason if reason.isidentifier() else None}
        return Reply(json.dumps({"error": error}).encode(), status, headers)


def _base64(vector: str) -> str:
    numbers = np.array(json.loads(vector), dtype="<f4").tobytes()
    return f'"{base64.b64encode(numbers).decode()}"'
