"""A graph is refused for anything that a filter step has no use for, before any runtime sees it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from service.bundle.graph import GraphError, read
from tests.service.bundles import SENSORS, Draft, refusal

Damage = Callable[[Draft], Any]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_graph_is_refused_though_its_digest_is_right(tmp_path: Path, share: float) -> None:
    folder = Draft().write(tmp_path, damage=lambda graph: graph[: int(len(graph) * share)])
    assert "model.onnx" in refusal(folder)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_are_read_or_refused_but_nothing_else_happens(data: st.DataObject) -> None:
    graph = bytearray(Draft().model.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        graph[data.draw(st.integers(0, len(graph) - 1))] = data.draw(st.integers(0, 255))
    with suppress(GraphError):
        read(bytes(graph))


def weight(draft: Draft, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in draft.model.graph.initializer if tensor.name == name)


def poison(value: float) -> Damage:
    return lambda draft: weight(draft, "one").CopyFrom(numpy_helper.from_array(np.array([1, value], "f4"), "one"))


def poison_typed(draft: Draft) -> None:
    weight(draft, "one").CopyFrom(helper.make_tensor("one", TensorProto.FLOAT, [2], [1.0, float("nan")]))


def store_outside(draft: Draft) -> None:
    tensor = weight(draft, "one")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def name_a_file_outside(draft: Draft) -> None:
    weight(draft, "one").external_data.add(key="location", value="/etc/passwd")


def constant_outside(draft: Draft) -> None:
    tensor = numpy_helper.from_array(np.ones(2, "f4"))
    tensor.data_location = TensorProto.EXTERNAL
    draft.model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def nested(initializer: onnx.TensorProto, operator: str = "Identity") -> Damage:
    """A graph within an attribute of an allowed operator."""

    def damage(draft: Draft) -> None:
        node = helper.make_node(operator, ["one"], ["out"])
        inner = helper.make_graph([node], "inner", [], [], [initializer])
        draft.model.graph.node[0].attribute.append(helper.make_attribute("body", inner))

    return damage


def outside() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(2, "f4"), "inner_one")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def replace_operator(operator: str, domain: str = "") -> Damage:
    def damage(draft: Draft) -> None:
        draft.model.graph.node[-1].op_type = operator
        draft.model.graph.node[-1].domain = domain

    return damage


def add_node(operator: str, **attributes: Any) -> Damage:
    return lambda draft: draft.model.graph.node.append(helper.make_node(operator, ["one"], ["unused"], **attributes))


def import_domain(draft: Draft) -> None:
    draft.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def set_opset(version: int) -> Damage:
    return lambda draft: setattr(draft.model.opset_import[0], "version", version)


def add_function(draft: Draft) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    opsets = [helper.make_opsetid("", 18)]
    draft.model.functions.append(helper.make_function("mine", "twice", ["x"], ["y"], [node], opsets))


def add_sparse(draft: Draft) -> None:
    values, places = numpy_helper.from_array(np.ones(1, "f4"), "v"), numpy_helper.from_array(np.zeros(1, "i8"), "i")
    draft.model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2]))


def add_strings(draft: Draft) -> None:
    draft.model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"rm -rf"]))


def declare(kind: str, name: str, shape: list[Any], dtype: int = TensorProto.FLOAT) -> Damage:
    def damage(draft: Draft) -> None:
        values = getattr(draft.model.graph, kind)
        value = next(value for value in values if value.name == name)
        value.CopyFrom(helper.make_tensor_value_info(name, dtype, shape))

    return damage


def rename_input(draft: Draft) -> None:
    draft.model.graph.input[-1].name = "alarming"


def extra_output(draft: Draft) -> None:
    draft.model.graph.output.append(helper.make_tensor_value_info("change", TensorProto.FLOAT, ["batch", SENSORS]))


def value_of_an_input(draft: Draft) -> None:
    draft.model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, "f4"), "learn"))


def short_weight(draft: Draft) -> None:
    weight(draft, "one").dims[0] = 3


def negative_weight(draft: Draft) -> None:
    weight(draft, "one").dims[:] = [-1, -2]


DAMAGED_GRAPHS: dict[str, tuple[Damage, str]] = {
    "NaN weight": (poison(np.nan), "NaN or infinity in 'one'"),
    "infinite weight": (poison(-np.inf), "NaN or infinity in 'one'"),
    "NaN weight in typed data": (poison_typed, "NaN or infinity in 'one'"),
    "NaN attribute": (add_node("LeakyRelu", alpha=float("nan")), "NaN or infinity in 'alpha of a LeakyRelu'"),
    "external data": (store_outside, "'one' in another file"),
    "external data beside its own": (name_a_file_outside, "'one' in another file"),
    "external data in an attribute": (constant_outside, "'value of a Constant' in another file"),
    "external data in a nested graph": (nested(outside()), "'inner_one' in another file"),
    "NaN in a nested graph": (nested(numpy_helper.from_array(np.array([np.nan], "f4"), "x")), "NaN or infinity in 'x'"),
    "control flow in a nested graph": (nested(numpy_helper.from_array(np.ones(1, "f4"), "x"), "Loop"), "'Loop'"),
    "graph in an attribute": (nested(numpy_helper.from_array(np.ones(1, "f4"), "x")), "refused by onnxruntime"),
    "unknown operator": (replace_operator("Frobnicate"), "operator 'Frobnicate'"),
    "operator that reduces": (replace_operator("ReduceSum"), "operator 'ReduceSum'"),
    "random operator": (add_node("RandomNormalLike"), "operator 'RandomNormalLike'"),
    "other domain": (replace_operator("Identity", "com.evil"), "domain 'com.evil'"),
    "imported domain": (import_domain, "domain 'com.microsoft'"),
    "old opset": (set_opset(9), "opset [9]"),
    "future opset": (set_opset(99), "opset [99]"),
    "no opset": (lambda draft: draft.model.ClearField("opset_import"), "opset []"),
    "no graph": (lambda draft: draft.model.ClearField("graph"), "no graph"),
    "functions": (add_function, "functions"),
    "sparse weights": (add_sparse, "sparse_initializer"),
    "strings": (add_strings, "string_data"),
    "fewer weights than the shape asks": (short_weight, "as many as its shape [3] asks"),
    "negative shape": (negative_weight, "as many as its shape [-1, -2] asks"),
    "input of another shape": (declare("input", "values", ["batch", 3]), "values as float32(batch, 3)"),
    "input of fixed batch": (declare("input", "values", [16, 2]), "values as float32(16, 2)"),
    "state of another size": (declare("input", "state", ["batch", 7]), "state as float32(batch, 7)"),
    "symbolic sensors": (declare("output", "mean", ["batch", "sensors"]), "mean as float32(batch, sensors)"),
    "other witnesses": (declare("output", "terms", ["batch", 2, 2]), "terms as float32(batch, 2, 2)"),
    "float time": (declare("input", "time", ["batch"]), "time as float32(batch), expected int64(batch)"),
    "double values": (declare("input", "values", ["batch", 2], TensorProto.DOUBLE), "values as float64(batch, 2)"),
    "renamed input": (rename_input, "alarming"),
    "further output": (extra_output, "change"),
    "lost output": (lambda draft: draft.model.graph.output.pop(), "has outputs"),
    "input with a value": (value_of_an_input, "input 'learn' a value of its own"),
    "unconnected": (lambda draft: draft.model.graph.node.pop(0), "refused by onnxruntime"),
    "other arithmetic": (lambda draft: setattr(draft.model.graph.node[3], "op_type", "Relu"), "gives terms 0 at step"),
}


@pytest.mark.parametrize("kind", DAMAGED_GRAPHS)
def test_a_damaged_graph_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    damage, said = DAMAGED_GRAPHS[kind]
    draft = Draft()
    damage(draft)
    line = refusal(draft.write(tmp_path))
    assert "model.onnx" in line
    assert said in line
