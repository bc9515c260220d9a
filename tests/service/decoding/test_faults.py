"""The explanation agrees with the decision: what msgspec refuses pydantic can explain, and nothing else."""

from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.faults import explain, is_name
from service.decoding.shapes import Named
from service.decoding.times import TimeError, parse_time
from tests.service.decoding.inputs import unhurried

anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.just(10**400),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
        st.text(max_size=5),
        st.sampled_from(["2026-11-21T08:03:23Z", 1795248203, "pump"]),
    ),
    lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=5,
)
contents = st.fixed_dictionaries({}, optional=dict.fromkeys(("device", "time", "class", "values"), anything))


def is_reading(content: dict[str, Any]) -> bool:
    """The decision, made the way the decoder makes it."""
    try:
        message = msgspec.convert(content, Named)
        parse_time(message.time)
    except (msgspec.ValidationError, TimeError):
        return False
    numbers = np.array([value for value in message.values.values() if value is not None], dtype=np.float64)
    with np.errstate(over="ignore"):
        finite = np.isfinite(numbers.astype(np.float32)).all()
    texts = [message.device, *message.values, *([message.class_] if message.class_ else [])]
    return bool(finite) and all(map(is_name, texts))


@unhurried
@given(contents)
def test_there_is_an_explanation_exactly_where_there_is_no_reading(content: dict[str, Any]) -> None:
    if content.get("class") == "":  # the decoder reads an empty class as none
        del content["class"]
    assert (explain(content, {}) is None) == is_reading(content)


def test_several_faults_are_told_at_once() -> None:
    fault = explain({"device": "", "time": 5, "values": {"a": "x", "b": "y", "c": "z", "d": "w"}}, {})
    assert fault is not None
    assert fault.reason == "device"
    for part in ("device is empty", "time is 5", 'values.a is "x"'):
        assert part in fault.error
