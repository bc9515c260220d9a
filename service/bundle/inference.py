"""The one factory of ONNX sessions, and the proof that they and we flush denormals.

A decayed state full of denormals steps 47 times slower. onnxruntime flushes them only when the process's *first*
session asks for it, hence one factory and no import of onnxruntime elsewhere.
"""

from typing import TYPE_CHECKING

import numpy as np

from service.errors import GruardError

if TYPE_CHECKING:
    import onnxruntime


def session(graph: bytes) -> "onnxruntime.InferenceSession":
    """One thread, operators one after the other; the same bytes give the same arithmetic in every process.

    Raises whatever onnxruntime raises on a graph that it can't run.
    """
    import onnxruntime  # here: commands that step nothing start without it

    onnxruntime.set_default_logger_severity(4)  # its warnings are not ours to print; errors are raised
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def denormals_flushed() -> bool:
    """Whether the calling thread's float32 arithmetic takes denormals as zero."""
    return bool(np.float32(1e-39) * np.float32(1) == 0)


def assert_denormals_flushed() -> None:
    """Raises GruardError when this thread would step at a fraction of its speed."""
    if not denormals_flushed():
        raise GruardError(
            "denormals are not flushed on this thread, expected them to be: the process's first ONNX session must come "
            "from service.bundle.inference.session, before this thread starts"
        )
