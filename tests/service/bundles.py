"""A small sound bundle for tests: a last-value forecaster of two sensors, built node by node.

`Draft` is what a test damages: the ONNX model and the manifest as a dict, written with a right digest unless told.
"""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from service.bundle import load, verdict
from service.errors import BundleError
from service.manifest import Array, Golden, Manifest, Sensor, Witness

SENSORS = 2
STEPS, ROWS = 12, 3
_FLOAT, _INT = TensorProto.FLOAT, TensorProto.INT64


def toy_graph() -> onnx.ModelProto:
    """state = the last value; mean = state, scale = 1, terms = |value - last|, a missing value is its forecast."""
    batch = ["batch"]
    inputs = [_value("values", [*batch, SENSORS]), _value("time", batch, _INT), _value("state", [*batch, SENSORS])]
    inputs += [_value(name, batch) for name in ("elapsed", "learn", "alerting")]
    outputs = [_value(name, [*batch, SENSORS]) for name in ("mean", "scale", "reference", "reference_scale", "held")]
    outputs += [_value("terms", [*batch, 1, SENSORS]), _value("next_state", [*batch, SENSORS])]
    constants = {"one": np.ones(SENSORS, "f4"), "zero": np.zeros(SENSORS, "f4"), "axis": np.array([1], "i8")}
    graph = helper.make_graph(_nodes(), "toy", inputs, outputs, [_weight(n, a) for n, a in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _nodes() -> list[onnx.NodeProto]:
    wiring = [
        ("IsNaN", ["values"], "missing"),
        ("Where", ["missing", "state", "values"], "next_state"),
        ("Sub", ["next_state", "state"], "change"),
        ("Abs", ["change"], "size"),
        ("Unsqueeze", ["size", "axis"], "terms"),
        ("Identity", ["state"], "mean"),
        ("Mul", ["state", "zero"], "nothing"),
        ("Add", ["nothing", "one"], "scale"),
        ("Identity", ["state"], "reference"),
        ("Identity", ["scale"], "reference_scale"),
        ("Identity", ["scale"], "held"),
    ]
    return [helper.make_node(operator, inputs, [output]) for operator, inputs, output in wiring]


def _value(name: str, shape: list[Any], dtype: int = _FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def _weight(name: str, array: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(array, name)


def toy_golden() -> Golden:
    random = np.random.default_rng(1)
    values = random.normal(20, 3, (STEPS, ROWS, SENSORS)).astype("f4")
    values[4, 1, 0] = np.nan
    held = np.zeros((STEPS + 1, ROWS, SENSORS), "f4")
    for step in range(STEPS):
        held[step + 1] = np.where(np.isnan(values[step]), held[step], values[step])
    each = np.ones((STEPS, ROWS), "f4")
    arrays = {"values": values, "elapsed": each, "learn": each, "alerting": each * 0, "time": each.astype("i8")}
    arrays |= {"mean": held[:-1], "scale": np.ones_like(values), "state": held[-1]}
    arrays |= {"terms": np.abs(np.diff(held, axis=0))[:, :, None]}
    return Golden(**{name: Array.of(array) for name, array in arrays.items()})


def toy_manifest(graph: bytes, name: str = "toy", version: str = "1") -> Manifest:
    return Manifest(
        name=name,
        version=version,
        sha256=hashlib.sha256(graph).hexdigest(),
        cell="last-value",
        sensors=(Sensor(name="a", unit="bar"), Sensor(name="b")),
        sample_period_s=5,
        state_size=SENSORS,
        witnesses=(Witness(name="surprise", reduce="mean", smooth=(4, 15)),),
        limit_seeds={"surprise/4": (1.0, 2.0), "surprise/15": (1.0, 2.0)},
        golden=toy_golden(),
    )


_MODEL = toy_graph()
_MANIFEST = json.loads(toy_manifest(b"").model_dump_json())


class Draft:
    """A sound bundle until something is done to `model` or `manifest`."""

    def __init__(self, name: str = "toy", version: str = "1") -> None:
        self.model = copy.deepcopy(_MODEL)
        self.manifest: dict[str, Any] = {**copy.deepcopy(_MANIFEST), "name": name, "version": version}

    def write(self, models: Path, damage: Callable[[bytes], bytes] = bytes, digest: str | None = None) -> Path:
        """`damage` changes the graph's bytes before their digest is taken."""
        graph = damage(self.model.SerializeToString())
        self.manifest["sha256"] = digest or hashlib.sha256(graph).hexdigest()
        folder = models / self.manifest["name"] / self.manifest["version"]
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(graph)
        (folder / "manifest.json").write_text(json.dumps(self.manifest))
        return folder


def refusal(folder: Path) -> str:
    """The one line with which a bundle is refused."""
    with pytest.raises(BundleError) as caught:
        load(folder)
    assert caught.value.exit_code == 78
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    assert line.startswith(str(folder))
    assert line == verdict(folder)
    return line
