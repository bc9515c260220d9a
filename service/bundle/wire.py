"""ONNX's protobuf, read without onnx: bytes in, one dict a message out.

Strict on purpose. A field that is unknown, doubled or of another wire type than onnx.proto says is refused, because a
laxer parser behind this one would see another graph than the one that was checked here.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

MAX_DEPTH = 16  # messages within messages; a step needs seven


class WireError(ValueError):
    """What was found in the bytes that no ONNX model of ours has."""


# Every field of onnx.proto: number, name, type; a star = repeated, an exclamation mark = refused whatever it holds.
_PROTO = """
Model: 1 ir_version int, 2 producer_name text, 3 producer_version text, 4 domain text, 5 model_version int,
    6 doc_string text, 7 graph Graph, 8 opset_import Opset*, 14 metadata_props Entry*, 20 training_info !,
    25 functions !, 26 configuration !
Opset: 1 domain text, 2 version int
Entry: 1 key text, 2 value text
Graph: 1 node Node*, 2 name text, 5 initializer Tensor*, 10 doc_string text, 11 input Value*, 12 output Value*,
    13 value_info Value*, 14 quantization_annotation !, 15 sparse_initializer !, 16 metadata_props Entry*
Node: 1 input text*, 2 output text*, 3 name text, 4 op_type text, 5 attribute Attribute*, 6 doc_string text,
    7 domain text, 8 overload text, 9 metadata_props Entry*, 10 device_configurations !
Attribute: 1 name text, 2 f float, 3 i int, 4 s bytes, 5 t Tensor, 6 g Graph, 7 floats float*, 8 ints int*,
    9 strings bytes*, 10 tensors Tensor*, 11 graphs Graph*, 13 doc_string text, 14 tp !, 15 type_protos !,
    20 type int, 21 ref_attr_name !, 22 sparse_tensor !, 23 sparse_tensors !
Tensor: 1 dims int*, 2 data_type int, 3 segment !, 4 float_data float*, 5 int32_data int*, 6 string_data !,
    7 int64_data int*, 8 name text, 9 raw_data bytes, 10 double_data double*, 11 uint64_data !, 12 doc_string text,
    13 external_data Entry*, 14 data_location int, 16 metadata_props Entry*
Value: 1 name text, 2 type Type, 3 doc_string text, 4 metadata_props Entry*
Type: 1 tensor_type TensorType, 4 sequence_type !, 5 map_type !, 6 denotation text, 8 sparse_tensor_type !,
    9 optional_type !
TensorType: 1 elem_type int, 2 shape Shape
Shape: 1 dim Dim*
Dim: 1 dim_value int, 2 dim_param text, 3 denotation text
"""
_WIRE = {"int": 0, "double": 1, "float": 5}  # everything else is wire type 2, length-delimited
_WIDTH = {1: 8, 5: 4}


def _schema(text: str) -> dict[str, dict[int, tuple[str, str]]]:
    messages = {}
    for paragraph in text.replace("\n    ", " ").strip().splitlines():
        kind, _, fields = paragraph.partition(": ")
        triples = [field.split() for field in fields.split(",")]
        messages[kind] = {int(number): (name, type_) for number, name, type_ in triples}
    return messages


_SCHEMA = _schema(_PROTO)


def read_model(data: bytes) -> dict[str, Any]:
    """Scalars by field name, repeated fields as lists. Raises WireError."""
    return _message("Model", memoryview(data), 0)


def _message(kind: str, data: memoryview, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise WireError(f"nests messages more than {MAX_DEPTH} deep")
    found: dict[str, Any] = {}
    for number, wire, value in _fields(data):
        if number not in _SCHEMA[kind]:
            raise WireError(f"is no ONNX model: {kind} has no field {number}")
        name, type_ = _SCHEMA[kind][number]
        if type_ == "!":
            raise WireError(f"has {name} in a {kind}, which a bundle may not use")
        values = _values(type_.rstrip("*"), wire, value, depth)
        if type_.endswith("*"):
            found.setdefault(name, []).extend(values)
        elif name in found or len(values) != 1:
            raise WireError(f"has {name} of a {kind} more than once")
        else:
            found[name] = values[0]
    return found


def _values(type_: str, wire: int, value: int | memoryview, depth: int) -> list[Any]:
    expected = _WIRE.get(type_, 2)
    if wire != expected and not (wire == 2 and type_ in _WIRE):  # numbers may come packed
        raise WireError(f"is no ONNX model: a field of type {type_} has wire type {wire}")
    if isinstance(value, int):
        return [_signed(value)]
    if type_ == "int":
        return _packed(value)
    if type_ in _WIRE:
        if len(value) % _WIDTH[expected]:
            raise WireError(f"is no ONNX model: {len(value)} bytes of packed {type_}s")
        return list(np.frombuffer(value, "<f4" if type_ == "float" else "<f8").tolist())
    if type_ == "text":
        return [bytes(value).decode("utf-8", "replace")]
    return [value] if type_ == "bytes" else [_message(type_, value, depth + 1)]


def _packed(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """(field number, wire type, value) one after the other."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            width, at = _varint(data, at)
        elif wire in _WIDTH:
            width = _WIDTH[wire]
        else:
            raise WireError(f"is no ONNX model: wire type {wire}")
        if at + width > len(data):
            raise WireError(f"is truncated: a field of {width} bytes where {len(data) - at} are left")
        yield number, wire, data[at : at + width]
        at += width


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7
    raise WireError("is truncated or no ONNX model: a number has no end")
