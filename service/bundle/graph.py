"""What a graph of a bundle may be, decided on its bytes before any runtime sees them.

In come bytes that nobody has vouched for; out goes what the graph declares of itself: inputs, outputs, opset. Every
rule holds for nested graphs too.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle.wire import WireError, read_model

OPSETS = range(17, 22)  # what training may write and the tests have stepped

# Elementwise and layout operators and the products of a cell. No reductions: over sensors they change a row's bits
# with the batch, so the terms leave the graph unreduced. No control flow and nothing random.
_OPERATORS = """
Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Conv Cos Div Equal Erf Exp Expand Flatten Floor Gather Gemm
Greater GreaterOrEqual Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log MatMul Max Min Mod Mul Neg Not Or Pad Pow
Reciprocal Relu Reshape Round Shape Sigmoid Sign Sin Slice Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Transpose
Unsqueeze Where Xor
"""
OPERATORS = frozenset(_OPERATORS.split())
DTYPES = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 11: "float64"}
_HELD_IN = {"float32": "float_data", "float64": "double_data", "int64": "int64_data"}  # others: int32_data


class GraphError(ValueError):
    """What was found and what was expected in its place."""


class Tensor(NamedTuple):
    dtype: str
    shape: tuple[int | str, ...]  # a name = symbolic


@dataclass(frozen=True)
class Graph:
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    opset: int


def read(data: bytes) -> Graph:
    """Check everything that can be said of a graph without its manifest. Raises GraphError."""
    try:
        model = read_model(data)
    except WireError as error:
        raise GraphError(str(error)) from None
    main = model.get("graph")
    if not main:
        raise GraphError("is no ONNX model: it has no graph")
    opset = _opset(model.get("opset_import", []))
    for graph in _graphs(main):
        _check_graph(graph)
    inputs = _declared(main.get("input", []))
    if valued := [t["name"] for t in main.get("initializer", []) if t.get("name") in inputs]:
        raise GraphError(f"gives its input {valued[0]!r} a value of its own, expected none")
    return Graph(inputs, _declared(main.get("output", [])), opset)


def _opset(imports: list[dict[str, Any]]) -> int:
    for entry in imports:
        if entry.get("domain", "") != "":
            raise GraphError(f"imports operator domain {entry['domain']!r}, expected the standard domain alone")
    found = [entry.get("version", 0) for entry in imports]
    if len(found) != 1 or found[0] not in OPSETS:
        raise GraphError(f"has opset {found}, expected one of {OPSETS.start} to {OPSETS.stop - 1}")
    return int(found[0])


def _graphs(graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield graph
    for node in graph.get("node", []):
        for attribute in node.get("attribute", []):
            for inner in [*attribute.get("graphs", []), attribute.get("g")]:
                if inner is not None:
                    yield from _graphs(inner)


def _check_graph(graph: dict[str, Any]) -> None:
    for tensor in graph.get("initializer", []):
        _check_tensor(tensor, tensor.get("name", ""))
    for node in graph.get("node", []):
        _check_node(node)


def _check_node(node: dict[str, Any]) -> None:
    operator, domain = node.get("op_type", ""), node.get("domain", "")
    if domain or node.get("overload"):
        raise GraphError(f"uses operator {operator!r} of domain {domain!r}, expected the standard domain alone")
    if operator not in OPERATORS:
        raise GraphError(f"uses operator {operator!r}, expected one of the {len(OPERATORS)} that a bundle may use")
    for attribute in node.get("attribute", []):
        where = f"{attribute.get('name', '')} of a {operator}"
        if not np.isfinite([attribute.get("f", 0.0), *attribute.get("floats", [])]).all():
            raise GraphError(f"has NaN or infinity in {where!r}, expected finite numbers")
        for tensor in [*attribute.get("tensors", []), attribute.get("t")]:
            if tensor is not None:
                _check_tensor(tensor, where)


def _check_tensor(tensor: dict[str, Any], name: str) -> None:
    if tensor.get("data_location") or tensor.get("external_data"):
        raise GraphError(f"keeps {name!r} in another file (external data), expected every weight inside")
    dtype, dims = DTYPES.get(tensor.get("data_type", 0)), tensor.get("dims", [])
    if dtype is None:
        expected = ", ".join(DTYPES.values())
        raise GraphError(f"has {name!r} of ONNX type {tensor.get('data_type', 0)}, expected one of {expected}")
    held = _numbers(tensor, dtype, name)
    if any(n < 0 for n in dims) or held.size != math.prod(dims):
        raise GraphError(f"has {held.size} numbers in {name!r}, expected as many as its shape {dims} asks")
    if not np.isfinite(held).all():
        raise GraphError(f"has NaN or infinity in {name!r}, expected finite weights")


def _numbers(tensor: dict[str, Any], dtype: str, name: str) -> NDArray[Any]:
    typed = _HELD_IN.get(dtype, "int32_data")
    filled = [key for key in (*_HELD_IN.values(), "int32_data", "raw_data") if tensor.get(key)]
    if len(filled) > 1 or set(filled) - {typed, "raw_data"}:
        raise GraphError(f"has {dtype} {name!r} held as {' and '.join(filled)}, expected {typed} or raw_data")
    if "raw_data" not in filled:
        return np.array(tensor.get(typed, []), "f8" if dtype.startswith("float") else "i8")
    raw, kind = tensor["raw_data"], np.dtype(dtype).newbyteorder("<")
    if len(raw) % kind.itemsize:
        raise GraphError(f"has {len(raw)} bytes in {dtype} {name!r}, expected a multiple of {kind.itemsize}")
    return np.frombuffer(raw, kind)


def _declared(values: list[dict[str, Any]]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for value in values:
        name, kind = value.get("name", ""), value.get("type", {}).get("tensor_type", {})
        if name in tensors:
            raise GraphError(f"declares {name!r} twice")
        dims = kind.get("shape", {}).get("dim", [])
        shape = tuple(dim.get("dim_value", dim.get("dim_param", "?")) for dim in dims)
        tensors[name] = Tensor(DTYPES.get(kind.get("elem_type", 0), "unknown"), shape)
    return tensors
