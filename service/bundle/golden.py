"""Steps a bundle's golden vectors: does this runtime, on this machine, make of them what training made?

A free run from a zero state, padded as the detector pads, so a graph that drifts, overflows or that this onnxruntime
computes otherwise is found at start and not in the field.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.bundle.inference import session
from service.manifest import WIDTHS, Array, Golden, Manifest

if TYPE_CHECKING:
    import onnxruntime

BATCHES = (16, 64, 256)  # the only batch sizes that are ever stepped
TOLERANCE = 1e-5  # of what an output may be, see `allowed`
COMPARED = ("mean", "scale", "terms")
UNCOMPARED = ("reference", "reference_scale", "held")
IN_UNITS = ("mean", "scale")  # a sensor's own unit: what is little of it only its other values tell

Arrays = dict[str, NDArray[Any]]


class GoldenError(ValueError):
    """What was found and what was expected in its place."""


def check_golden(graph: bytes, manifest: Manifest) -> None:
    """Raises GoldenError."""
    steps, rows, width = _sizes(manifest)
    _check_shapes(manifest, steps, rows, width)
    try:
        engine = session(graph)
    except Exception as error:  # onnxruntime's exceptions share no base but this
        raise GoldenError(f"is refused by onnxruntime: {str(error)[:200]}") from None
    padded = next(batch for batch in BATCHES if batch >= rows)
    state = np.zeros((padded, manifest.row_size(width)), np.float32)
    runs = {name: getattr(manifest.golden, name).numpy() for name in COMPARED}
    most = {name: allowed(name, run) for name, run in runs.items()}
    for step, feeds in enumerate(_feeds(manifest.golden, padded)):
        outputs = _run(engine, {**feeds, "state": state})
        _check_outputs(outputs, manifest.golden, step)
        for name, run in runs.items():
            _check_close(name, outputs[name][:rows], run[step], f"at step {step}", most[name][step])
        state = outputs["next_state"]
    expected = manifest.golden.state.numpy()
    _check_close("state", state[:rows], expected, "after the last step", allowed("state", expected))


def _sizes(manifest: Manifest) -> tuple[int, int, int]:
    shape = manifest.golden.values.shape
    if len(shape) != 3 or not all(shape) or shape[1] > BATCHES[-1]:
        raise GoldenError(f"has golden values of shape {shape}, expected (steps, rows up to {BATCHES[-1]}, sensors)")
    steps, rows, width = shape
    widths = WIDTHS if manifest.universal else (len(manifest.sensors),)
    if width not in widths:
        raise GoldenError(f"has golden values of {width} sensors, expected {' or '.join(map(str, widths))}")
    return steps, rows, width


def _check_shapes(manifest: Manifest, steps: int, rows: int, width: int) -> None:
    each, plane = (steps, rows), (steps, rows, width)
    shapes = {"values": plane, "elapsed": each, "time": each, "learn": each, "alerting": each}
    shapes |= {"mean": plane, "scale": plane, "terms": (steps, rows, len(manifest.witnesses), width)}
    shapes |= {"state": (rows, manifest.row_size(width))}
    for name, shape in shapes.items():
        array: Array = getattr(manifest.golden, name)
        dtype = "<i8" if name == "time" else "<f4"
        if (array.shape, array.dtype) != (shape, dtype):
            raise GoldenError(f"has golden {name} as {array.dtype}{array.shape}, expected {dtype}{shape}")


def _feeds(golden: Golden, padded: int) -> Iterator[Arrays]:
    """The inputs of each step; rows beyond the golden ones are newborn devices that miss every sensor."""
    names = ("values", "elapsed", "time", "learn", "alerting")
    given = {name: getattr(golden, name).numpy() for name in names}
    for step in range(golden.values.shape[0]):
        feeds = {}
        for name, array in given.items():
            fill = np.nan if name == "values" else 0
            feeds[name] = np.full((padded, *array.shape[2:]), fill, array.dtype)
            feeds[name][: array.shape[1]] = array[step]
        yield feeds


def _run(engine: "onnxruntime.InferenceSession", feeds: Arrays) -> Arrays:
    names = (*COMPARED, *UNCOMPARED, "next_state")
    try:
        return dict(zip(names, engine.run(names, feeds), strict=True))
    except Exception as error:  # as above
        raise GoldenError(f"can't be stepped: {str(error)[:200]}") from None


def _check_outputs(outputs: Arrays, golden: Golden, step: int) -> None:
    when = f"at step {step}"
    state = outputs["next_state"]
    for name in UNCOMPARED:
        if outputs[name].shape != outputs["mean"].shape:
            raise GoldenError(f"gives {name} of shape {outputs[name].shape} {when}, expected {outputs['mean'].shape}")
    for name, array in outputs.items():
        if not np.isfinite(array).all():
            raise GoldenError(f"gives NaN or infinity in {name} {when}, expected finite numbers")
    if state.ndim != 2 or state.shape[1] != golden.state.shape[1]:
        raise GoldenError(f"gives a state of shape {state.shape} {when}, expected rows of {golden.state.shape[1]}")


def allowed(name: str, run: NDArray[Any]) -> NDArray[np.float64]:
    """How far an output may be off at each step of this run. run: (steps, rows, ..., sensors)."""
    size: NDArray[np.float64] = np.abs(run.astype("f8"))
    if name not in IN_UNITS:
        return TOLERANCE * (1 + size)
    largest = size.max(axis=tuple(range(size.ndim - 1)))
    return np.broadcast_to(TOLERANCE * np.maximum(largest, np.finfo("f4").tiny), size.shape)


def _check_close(name: str, found: NDArray[Any], expected: NDArray[Any], when: str, most: NDArray[np.float64]) -> None:
    if found.shape != expected.shape:
        raise GoldenError(f"gives {name} of shape {found.shape} {when}, expected {expected.shape}")
    error = np.abs(found.astype("f8") - expected) / most
    if not (error <= 1).all():  # "not <=": a NaN among the expected ones is off too
        at = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
        raise GoldenError(f"gives {name} {found[at]:.6g} {when}, expected {expected[at]:.6g} as its golden vectors do")
