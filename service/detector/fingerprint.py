"""What decides the bits of a step: where two fingerprints are equal, the same readings give the same bytes."""

import hashlib
import importlib
import platform
from collections.abc import Iterable

import numpy as np
import onnxruntime

import service.detector.snapshots as snapshots
from service.bundle import Bundles
from service.detector.order import VOUCHERS

SCORING = 1  # raise it when the same readings would score otherwise


def fingerprint(bundles: Bundles, rules: Iterable[str], dead_letter_late: bool) -> str:
    """rules: all settings that alter what is published, as text."""
    parts = [f"{b.manifest.name}@{b.manifest.version}:{b.manifest.sha256}" for b in bundles.all()]
    parts += [*rules, f"scoring {SCORING}", f"state {snapshots.FORMAT}", f"vouchers {VOUCHERS}", str(dead_letter_late)]
    parts += [f"onnxruntime {onnxruntime.__version__}", f"numpy {np.__version__}", platform.machine(), cpu_features()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def cpu_features() -> str:
    """The instruction sets that arithmetic may use: other ones round the last bit otherwise."""
    features = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__  # the only place that tells
    return ",".join(sorted(name for name, has in features.items() if has))
