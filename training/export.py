"""The filter step as ONNX bytes, the golden vectors, and the proof that both arithmetics agree.

`graph` exports a shape once and then puts weights and buffers into it, so calibration runs the very graph that ships.
`assert_parity` runs torch and onnxruntime side by side over a long history, each on its own state.
"""

import logging
import warnings
from functools import cache

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from service.bundle.golden import allowed
from service.bundle.inference import session
from service.errors import GruardError
from service.manifest import Array, Golden
from training.network import Forecaster, Shape
from training.replay import Inputs
from training.step import INPUTS, OUTPUTS, Step

OPSET = 18
ROWS = 16  # the smallest batch that is ever stepped
LONG_RUN = 10  # tolerances of a golden vector: over hundreds of steps, each on its own state, roundings add up
Floats = NDArray[np.float32]


def graph(step: Step) -> bytes:
    """The step's graph with its weights and buffers. Blocks for seconds where its shape is new to this process."""
    return _filled(_structure(step.shape, step.weighted), step)


@cache
def _structure(shape: Shape, weighted: bool) -> bytes:
    """A graph of stand-in numbers, all different: of two initialisers that are equal the exporter makes one."""
    step = Step(Forecaster(shape), 1.0, weighted).eval()
    with torch.no_grad():
        for number, tensor in enumerate(step.state_dict().values(), start=1):
            tensor.copy_(torch.linspace(number + 0.1, number + 0.9, tensor.numel()).view_as(tensor))
    each = [torch.zeros(ROWS) for _ in range(4)]  # one object twice would become one input
    each[1] = each[1].long()
    arguments = (torch.zeros(ROWS, shape.sensors), *each, torch.zeros(ROWS, step.size))
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # names packages of images that nobody needs here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            step,
            arguments,
            dynamo=True,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_shapes=tuple({0: batch} for _ in arguments),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return _bare(program.model_proto).SerializeToString(deterministic=True)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes: they name source lines and paths, and would change the digest."""
    bare = onnx.ModelProto(ir_version=10, producer_name="gruard")
    bare.opset_import.add(domain="", version=OPSET)
    bare.graph.name = "step"
    for kind in ("initializer", "input", "output", "node"):
        getattr(bare.graph, kind).extend(getattr(model.graph, kind))
    for part in (*bare.graph.node, *bare.graph.initializer, *bare.graph.input, *bare.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    _rename(bare.graph)
    return bare


def _rename(graph: onnx.GraphProto) -> None:
    """Values by their place: the exporter's names count what it tried, so they change with its version."""
    kept = {*INPUTS, *OUTPUTS, *(each.name for each in graph.initializer if not each.name.startswith("val_"))}
    names: dict[str, str] = {"": "", **{name: name for name in kept}}
    for node in graph.node:
        node.ClearField("name")
        for side in (node.input, node.output):
            side[:] = [names.setdefault(name, f"v{len(names)}") for name in side]
    for initializer in graph.initializer:
        initializer.name = names.setdefault(initializer.name, f"v{len(names)}")


def _filled(structure: bytes, step: Step) -> bytes:
    model = onnx.load_from_string(structure)
    places = {initializer.name: initializer for initializer in model.graph.initializer}
    for name, value in step.state_dict().items():
        if name.startswith("forecaster.later.") or (name == "weight" and not step.weighted):
            continue  # later horizons are for training alone; among one sensor there is nothing to weigh
        place = places.get(name)
        if place is None or list(place.dims) != list(value.shape):
            raise GruardError(
                f"the exported graph has no {name!r} of shape {list(value.shape)}: the exporter folded it"
            )
        place.CopyFrom(numpy_helper.from_array(value.numpy(), name))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


@torch.no_grad()
def run_torch(step: Step, inputs: Inputs) -> dict[str, Floats]:
    """Free run from birth; outputs by name (time, rows, ...), and the last state."""
    state = torch.zeros(inputs.values.shape[1], step.size)
    kept: list[tuple[Floats, ...]] = []
    for row in zip(*inputs, strict=True):
        *outputs, state = step(*(torch.from_numpy(np.ascontiguousarray(part)) for part in row), state)
        kept.append(tuple(output.numpy() for output in outputs))
    found = {name: np.stack(column) for name, column in zip(OUTPUTS[:-1], zip(*kept, strict=True), strict=True)}
    return {**found, "state": state.numpy()}


def run_onnx(model: bytes, inputs: Inputs, state_size: int) -> dict[str, Floats]:
    """The same by onnxruntime; rows must be 16, 64 or 256."""
    engine = session(model)
    state = np.zeros((inputs.values.shape[1], state_size), np.float32)
    kept = []
    for row in zip(*inputs, strict=True):
        *outputs, state = engine.run(OUTPUTS, dict(zip(INPUTS, (*row, state), strict=True)))
        kept.append(outputs)
    found = {name: np.stack(column) for name, column in zip(OUTPUTS[:-1], zip(*kept, strict=True), strict=True)}
    return {**found, "state": state}


def assert_parity(step: Step, model: bytes, inputs: Inputs) -> float:
    """Largest difference over the run, as a share of the tolerance. Raises GruardError beyond it."""
    ours, theirs = run_torch(step, inputs), run_onnx(model, inputs, step.size)
    worst = 0.0
    for name, expected in ours.items():
        error = np.abs(theirs[name].astype(np.float64) - expected) / (LONG_RUN * allowed(name, expected))
        share = float(error.max())
        if not share <= 1:
            raise GruardError(f"torch and onnxruntime differ in {name} by {share:.3g} times what is allowed")
        worst = max(worst, share)
    return worst


def golden(step: Step, inputs: Inputs) -> Golden:
    found = run_torch(step, inputs)
    given = {name: Array.of(np.ascontiguousarray(part)) for name, part in zip(INPUTS, inputs, strict=False)}
    return Golden(**given, **{name: Array.of(found[name]) for name in ("mean", "scale", "terms", "state")})
