"""What a request may say beside its path, and how a wrong one is told. An empty value asks for nothing."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import falcon
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Any = Literal[""]
MOST = 500


def _plain(value: object) -> object:
    """Only digits: a number is not to be guessed out of `1e2` or `1_0`."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 8):
        raise ValueError("it has to be a whole number")
    return value


class Asked(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="ignore", str_max_length=1024)


class Nothing(Asked):
    pass


Limit = Annotated[int, Field(ge=1, le=MOST, description="entries on a page"), BeforeValidator(_plain)]


class DevicesAsked(Asked):
    open: Literal["", "true", "false"] = Field("", description="only devices with an open alert, or only without")
    severity: Literal["", "info", "warning", "critical"] = Field("", description="of the worst open alert")
    class_: str = Field("", alias="class", description="device class")
    q: str = Field("", description="part of the device id, in any case")
    limit: Limit = 100
    after: str = Field("", pattern=r"^([0-3]~[\s\S]*)?$", description="`next` of the page before")


class AlertsAsked(Asked):
    state: Literal["", "open", "resolved", "all"] = Field("", description="open unless said otherwise")
    severity: Literal["", "info", "warning", "critical"] = ""
    kind: Literal["", "process", "data_quality"] = ""
    device: str = Field("", description="device id")
    limit: Limit = 100
    after: str = Field("", pattern=r"^([^~]*~[^~]*)?$", description="`next` of the page before")


A = TypeVar("A", bound=Asked)


def asked(model: type[A], parameters: Mapping[str, object]) -> A:
    """Raises HTTPBadRequest that names the parameter, its value and what it may be."""
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        told = first["msg"].removeprefix("Value error, ")
        value = str(first["input"])[:100]
        raise falcon.HTTPBadRequest(title="Bad Request", description=f"{name}={value!r}: {told}") from None
