"""Simulated devices with labelled faults: for the demo, for trying a configuration, and for the shipped models.

Knows nothing of streams, detector or models; what it makes are samples, messages and arrays.
"""

from service.fleet.classes import CLASSES, DeviceClass, SensorSpec
from service.fleet.faults import KINDS, Fault
from service.fleet.simulate import START_MS, Fleet, Sample, history, message, readings_per_second

__all__ = [
    "CLASSES",
    "KINDS",
    "START_MS",
    "DeviceClass",
    "Fault",
    "Fleet",
    "Sample",
    "SensorSpec",
    "history",
    "message",
    "readings_per_second",
]
