"""all-MiniLM-L6-v2 as an ONNX graph: BERT with 6 layers, 12 heads, 384 dimensions (Devlin et al. 2018).

The graph is built here from the weights, with the fused operators of ONNX Runtime (`com.microsoft`). An export from
PyTorch would need PyTorch, and the optimizer of ONNX Runtime would have to fuse its several hundred small nodes into
these fifty at every start. GELU is the exact one, with erf, as in training. `FastGelu` is its tanh approximation and
deviates from the reference.

The weights are in a file of their own beside the graph (ONNX calls it external data), which ONNX Runtime maps into
memory. Compared with a single file this halves the start-up time and saves 80 MB of memory, and processes share pages.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

Weights = Mapping[str, NDArray[np.float32]]

GRAPH_VERSION = 1
"""Raise it with every change in this module: caches of another version are not used."""
DIMENSIONS = 384
LAYERS = 6
HEADS = 12
EPSILON = 1e-12
_MICROSOFT = "com.microsoft"
_ALIGNMENT = 4096


def write_graph(raw: Weights, weights_file: str) -> tuple[bytes, bytes]:
    """Return the graph and its weights, as the contents of two files.

    The graph takes `ids` and `mask`, both int32 of shape (texts, tokens), padded on the right. Its output is
    `sums` of shape (texts, 384): the sum of the last hidden states over the unmasked tokens. Not their mean, because
    the windows of a long text are added up too, and the scale of the sum is lost in the normalisation.

    Args:
        raw: the tensors of `model.safetensors`, by the names in that file.
        weights_file: the name of the second file, in the folder of the first.
    """
    from onnx import TensorProto, helper, numpy_helper

    tensors = _fused(raw)
    nodes = [
        helper.make_node(
            "EmbedLayerNormalization",
            ["ids", "", "words", "positions", "", "embed.scale", "embed.shift", "mask"],
            ["hidden.0", "lengths"],
            domain=_MICROSOFT,
            epsilon=EPSILON,
        )
    ]
    for layer in range(LAYERS):
        nodes += _layer(layer)
    nodes += [
        helper.make_node("Cast", ["mask"], ["ones"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ones", "axis"], ["row"]),
        helper.make_node("MatMul", ["row", f"hidden.{LAYERS}"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["sums"]),
    ]
    data = bytearray()
    initializers = [numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")]
    for name, tensor in tensors.items():
        data += bytes(-len(data) % _ALIGNMENT)
        initializers.append(_external(name, tensor, weights_file, len(data)))
        data += np.ascontiguousarray(tensor, dtype="<f4").tobytes()
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["texts", DIMENSIONS])]
    model = helper.make_model(
        helper.make_graph(nodes, "all-MiniLM-L6-v2", inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)],
        ir_version=8,
    )
    return model.SerializeToString(), bytes(data)


def _layer(layer: int) -> list["NodeProto"]:
    from onnx import helper

    at = f"{layer}."
    incoming, outgoing = f"hidden.{layer}", f"hidden.{layer + 1}"

    def fused(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> "NodeProto":
        return helper.make_node(operator, inputs, [output], domain=_MICROSOFT, **attributes)

    def multiply(tensor: str, weights: str, output: str) -> "NodeProto":
        return helper.make_node("MatMul", [tensor, weights], [output])

    def add_and_normalise(tensor: str, skip: str, norm: str, bias: str, output: str) -> "NodeProto":
        inputs = [tensor, skip, f"{norm}.scale", f"{norm}.shift", bias]
        return fused("SkipLayerNormalization", inputs, output, epsilon=EPSILON)

    return [
        fused("Attention", [incoming, f"{at}qkv", f"{at}qkv.bias", "lengths"], f"{at}context", num_heads=HEADS),
        multiply(f"{at}context", f"{at}out", f"{at}projected"),
        add_and_normalise(f"{at}projected", incoming, f"{at}attention", f"{at}out.bias", f"{at}attended"),
        multiply(f"{at}attended", f"{at}up", f"{at}raised"),
        fused("BiasGelu", [f"{at}raised", f"{at}up.bias"], f"{at}activated"),
        multiply(f"{at}activated", f"{at}down", f"{at}lowered"),
        add_and_normalise(f"{at}lowered", f"{at}attended", f"{at}output", f"{at}down.bias", outgoing),
    ]


def _fused(raw: Weights) -> dict[str, NDArray[np.float32]]:
    """Return the weights in the layout of the fused operators.

    PyTorch stores a linear layer as (out, in), ONNX multiplies by (in, out). Query, key and value become one matrix.
    Every token is of type 0, so the embedding of the type is a constant that is added to the positions.
    """
    embeddings = "embeddings."
    tensors = {
        "words": raw[embeddings + "word_embeddings.weight"],
        "positions": raw[embeddings + "position_embeddings.weight"]
        + raw[embeddings + "token_type_embeddings.weight"][0],
        "embed.scale": raw[embeddings + "LayerNorm.weight"],
        "embed.shift": raw[embeddings + "LayerNorm.bias"],
    }
    for layer in range(LAYERS):
        block = f"encoder.layer.{layer}."
        heads = [f"{block}attention.self.{name}" for name in ("query", "key", "value")]
        tensors[f"{layer}.qkv"] = np.concatenate([raw[f"{head}.weight"].T for head in heads], axis=1)
        tensors[f"{layer}.qkv.bias"] = np.concatenate([raw[f"{head}.bias"] for head in heads])
        for name, dense in (
            ("out", "attention.output.dense"),
            ("up", "intermediate.dense"),
            ("down", "output.dense"),
        ):
            tensors[f"{layer}.{name}"] = raw[f"{block}{dense}.weight"].T
            tensors[f"{layer}.{name}.bias"] = raw[f"{block}{dense}.bias"]
        for name, norm in (("attention", "attention.output.LayerNorm"), ("output", "output.LayerNorm")):
            tensors[f"{layer}.{name}.scale"] = raw[f"{block}{norm}.weight"]
            tensors[f"{layer}.{name}.shift"] = raw[f"{block}{norm}.bias"]
    return tensors


def _external(name: str, tensor: NDArray[np.float32], file: str, offset: int) -> "TensorProto":
    from onnx import TensorProto

    reference = TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=tensor.shape, data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", file), ("offset", offset), ("length", tensor.size * 4)):
        reference.external_data.add(key=key, value=str(value))
    return reference
