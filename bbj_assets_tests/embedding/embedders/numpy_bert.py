"""A second BERT as a reference: float64 and only NumPy, from the paper's equations. Slow, and easy to verify.

Devlin et al. 2018, on Vaswani et al. 2017 (scaled dot-product attention, post-layer normalisation).
"""

from math import erf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[np.float64]
_GRID = np.linspace(-6, 6, 120_001)
_ERF = np.array([erf(x) for x in _GRID])


def _erf(x: Array) -> Array:
    """Interpolate erf, which NumPy lacks: linear between points 0.0001 apart, it is exact to nine digits."""
    values: Array = np.interp(x, _GRID, _ERF)
    return values


class NumpyBert:
    """all-MiniLM-L6-v2 from its weights file."""

    def __init__(self, weights: Path) -> None:
        self._weights = {name: tensor.astype(np.float64) for name, tensor in load_file(weights).items()}

    def hidden_states(self, ids: list[int]) -> Array:
        """Return the last hidden states of one text without padding: shape (tokens, 384)."""
        w = self._weights
        states = w["embeddings.word_embeddings.weight"][ids]
        states = states + w["embeddings.position_embeddings.weight"][: len(ids)]
        states = states + w["embeddings.token_type_embeddings.weight"][0]
        states = self._normalised(states, "embeddings.LayerNorm")
        for number in range(6):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attention(states, layer), f"{layer}.attention.output.dense")
            states = self._normalised(states + attended, f"{layer}.attention.output.LayerNorm")
            raised = self._linear(states, f"{layer}.intermediate.dense")
            activated = raised * 0.5 * (1 + _erf(raised / np.sqrt(2)))
            states = self._normalised(
                states + self._linear(activated, f"{layer}.output.dense"), f"{layer}.output.LayerNorm"
            )
        return states

    def _attention(self, states: Array, layer: str) -> Array:
        query, key, value = (
            np.stack(np.split(self._linear(states, f"{layer}.attention.self.{name}"), 12, axis=1))
            for name in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(32)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.concatenate(list(weights @ value), axis=1)

    def _linear(self, states: Array, name: str) -> Array:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, states: Array, name: str) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        normalised: Array = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normalised
