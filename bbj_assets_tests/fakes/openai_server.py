"""A fake of an OpenAI-compatible server: `/v1/embeddings`, in base64 or, when told not to know it, in numbers."""

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np

from bbj_assets_tests.fakes.model_server import Embedding, FakeModelServer, Reply


class FakeOpenAI(FakeModelServer):
    """Its vectors come in the reverse order: the protocol promises an index, not an order."""

    knows_base64 = True

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        if (method, path) != ("POST", "/v1/embeddings"):
            return Reply(b'{"detail":"Not Found"}', 404)
        given = body["input"]
        return Embedding(str(body["model"]), (given,) if isinstance(given, str) else tuple(given), body)

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
