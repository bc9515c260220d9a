"""Formulas that run as they stand: on numpy arrays they compute, on symbols they become nodes of an ONNX graph.

So one text is both the graph that ships and the reference that it is checked against. Only operations that IEEE 754
fixes to the last bit are here (no exp, no log): numpy and onnxruntime must agree exactly, whatever the batch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 10


class Tape:
    """The graph under way: nodes in the order they were said, constants once each."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], onnx.TensorProto] = {}

    def node(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        names = [self._name(value) for value in inputs]
        made = [f"{operator.lower()}_{len(self.nodes)}" + (f"_{n}" if outputs > 1 else "") for n in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, made, **attributes))
        symbols = [Symbol(self, name) for name in made]
        return symbols[0] if outputs == 1 else symbols

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: dict[str, tuple["Symbol", list[Any]]]) -> bytes:
        """outputs: name -> its symbol and shape, all float32."""
        for name, (symbol, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [symbol.name], [name]))
        declared = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, (_, shape) in outputs.items()]
        graph = helper.make_graph(self.nodes, "step", inputs, declared, list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="gruard")
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def _name(self, value: Any) -> str:
        if isinstance(value, Symbol):
            return value.name
        array = np.asarray(value, None if isinstance(value, np.ndarray) else np.float32)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"constant_{len(self._constants)}")
        return self._constants[key].name


class Symbol:
    """A tensor that is yet to be computed."""

    def __init__(self, tape: Tape, name: str) -> None:
        self.tape, self.name = tape, name

    __array_ufunc__ = None  # a numpy array on the left must not take a symbol for an object

    def __add__(self, other: Any) -> "Symbol":
        return self._node("Add", self, other)

    def __radd__(self, other: Any) -> "Symbol":
        return self._node("Add", other, self)

    def __sub__(self, other: Any) -> "Symbol":
        return self._node("Sub", self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return self._node("Sub", other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return self._node("Mul", self, other)

    def __rmul__(self, other: Any) -> "Symbol":
        return self._node("Mul", other, self)

    def __truediv__(self, other: Any) -> "Symbol":
        return self._node("Div", self, other)

    def __rtruediv__(self, other: Any) -> "Symbol":
        return self._node("Div", other, self)

    def __neg__(self) -> "Symbol":
        return self._node("Neg", self)

    def __gt__(self, other: Any) -> "Symbol":
        return self._node("Greater", self, other)

    def __and__(self, other: Any) -> "Symbol":
        return self._node("And", self, other)

    def __or__(self, other: Any) -> "Symbol":
        return self._node("Or", self, other)

    def __invert__(self) -> "Symbol":
        return self._node("Not", self)

    def _node(self, operator: str, *inputs: Any) -> "Symbol":
        found: Symbol = self.tape.node(operator, *inputs)
        return found


Tensor = Symbol | NDArray[Any]  # what a formula works on


def _apply(operator: str, function: Any, *values: Any) -> Any:
    tape = next((value.tape for value in values if isinstance(value, Symbol)), None)
    # np.float32: a bare Python number would make numpy's `where` compute in double precision
    return tape.node(operator, *values) if tape else function(*(_single(value) for value in values))


def _single(value: Any) -> Any:
    return np.float32(value) if isinstance(value, float | int) else value


def where(condition: Any, yes: Any, no: Any) -> Any:
    return _apply("Where", np.where, condition, yes, no)


def maximum(first: Any, second: Any) -> Any:
    return _apply("Max", np.maximum, first, second)


def minimum(first: Any, second: Any) -> Any:
    return _apply("Min", np.minimum, first, second)


def same(first: Any, second: Any) -> Any:
    return _apply("Equal", np.equal, first, second)


def absolute(value: Any) -> Any:
    return _apply("Abs", np.abs, value)


def sqrt(value: Any) -> Any:
    return _apply("Sqrt", np.sqrt, value)


def missing(value: Any) -> Any:
    return _apply("IsNaN", np.isnan, value)


def number(condition: Any) -> Any:
    """1 where it holds, else 0."""
    if isinstance(condition, Symbol):
        return condition.tape.node("Cast", condition, to=TensorProto.FLOAT)
    return condition.astype(np.float32)


def concat(parts: Sequence[Any]) -> Any:
    """Side by side, along the second axis."""
    if isinstance(parts[0], Symbol):
        return parts[0].tape.node("Concat", *parts, axis=1)
    return np.concatenate(parts, axis=1)


def split(whole: Any, parts: int) -> list[Any]:
    """Undo `concat` of parts of one width."""
    if isinstance(whole, Symbol):
        return list(whole.tape.node("Split", whole, outputs=parts, axis=1, num_outputs=parts))
    return np.split(whole, parts, axis=1)


def reshape(value: Any, *shape: int) -> Any:
    """0 keeps an axis, -1 takes what is left."""
    if isinstance(value, Symbol):
        return value.tape.node("Reshape", value, np.array(shape, np.int64))
    return value.reshape([size or value.shape[axis] for axis, size in enumerate(shape)])
