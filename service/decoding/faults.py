"""Why a message is no reading: pydantic looks again at what msgspec refused, only to say so.

A reason comes from a closed set: decode (not JSON), schema (another shape), not-finite, time, device, oversize. The
error is one line that names field, value and the way out.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from service.decoding.times import parse_time
from service.decoding.wording import line, shown

MAX_NAME_BYTES = 256
MAX_SENSORS = 1024  # in one message; no model has as many

_SINGLE_END = (2 - 2**-24) * 2.0**127  # halfway from the greatest float32 to the next that there would be

_NAME_RULE = f"printable text of 1 to {MAX_NAME_BYTES} bytes"
_BEYOND = ("finite_number", "greater_than", "less_than")

_WAYS_OUT = {
    "device": f"give the device's id as {_NAME_RULE}",
    "time": "write RFC 3339 with an offset such as 2026-11-21T08:03:23.123Z, or a Unix time in s, ms, us or ns",
    "class": f"give the device's class as {_NAME_RULE}, or leave it out",
    "values": 'give an object of sensor to number such as {"flow": 32.1}',
    "number": "write a JSON number, or null where there is none",
    "not-finite": "a value fits into float32, at most 3.4e38; write null where there is none",
}


class RejectError(Exception):
    """A message, or an element of one, that is no reading."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = line(error)


def is_name(text: str) -> bool:
    """Whether it can name a device, a class or a sensor: no control or format characters, nothing invisible."""
    return bool(text) and text.isprintable() and len(text.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES


def _name(text: str) -> str:
    if not is_name(text):
        what = "is empty" if not text else f"is {shown(text)}, not {_NAME_RULE} ({len(text)} characters)"
        raise ValueError(what)
    return text


def _sensors(values: dict[str, Any]) -> dict[str, Any]:
    if len(values) > MAX_SENSORS:
        raise ValueError(f"is {shown(values)}, at most {MAX_SENSORS} sensors fit into a message")
    for name in values:
        if not is_name(name):
            raise ValueError(f"has a sensor {shown(name)}, whose name is not {_NAME_RULE} ({len(name)} characters)")
    return values


Number = Annotated[float, Field(allow_inf_nan=False, gt=-_SINGLE_END, lt=_SINGLE_END)]
Name = Annotated[str, AfterValidator(_name)]


class _Reading(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    device: Name
    time: Annotated[Any, AfterValidator(parse_time)]
    class_: Name | None = Field(None, alias="class")
    values: Annotated[dict[str, Number | None], AfterValidator(_sensors)]


def explain(content: Mapping[str, Any], places: Mapping[str, str]) -> RejectError | None:
    """content: the picked members by their own names; places: where a foreign layout has them. None: all is well."""
    try:
        _Reading.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first, *others = (_sentence(problem, places) for problem in problems[:4])
        reason, way_out = _reason(problems[0])
        return RejectError(reason, "; also ".join([f"{first}: {_WAYS_OUT[way_out]}" if way_out else first, *others]))
    return None


def _reason(problem: ErrorDetails) -> tuple[str, str]:
    """Reason of the dead letter, and which way out to show."""
    field = str(problem["loc"][0])
    if field == "time":
        return "time", "time" if problem["type"] == "missing" else ""
    if field == "values" and len(problem["loc"]) > 1:
        return ("not-finite", "not-finite") if _is_beyond(problem) else ("schema", "number")
    return ("device" if field == "device" else "schema"), field


def _is_beyond(problem: ErrorDetails) -> bool:
    """pydantic calls an integer that no float holds no number at all."""
    return problem["type"] in _BEYOND or (len(problem["loc"]) > 1 and type(problem["input"]) is int)


def _sentence(problem: ErrorDetails, places: Mapping[str, str]) -> str:
    field, *inside = map(str, problem["loc"])
    name = ".".join([field, *(shown(part)[1:-1] for part in inside)])
    at = f" (at {places[field]})" if field in places else ""
    return f"{name}{at} {_what(problem)}"


def _what(problem: ErrorDetails) -> str:
    value = problem["input"]
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if _is_beyond(problem):
        return f"is {shown(value)}, beyond float32"
    wanted = {"string_type": "text", "float_type": "a number", "dict_type": "an object"}
    return f"is {shown(value)}, not {wanted.get(problem['type'], 'what it should be')}"
