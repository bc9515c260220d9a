"""What msgspec decodes a message straight into.

The typed shape is generated from the sensors that the models know and takes messages of known classes; the named one
keeps whatever sensors a message names. Both refuse members they do not know, so that the slow path counts them; members
that are met again and again are built in: still counted, but without a second decode.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Literal, cast

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple
from numpy.typing import NDArray

from service.decoding.table import Table, to_single

MAX_LABELS = 16
MAX_LABEL_BYTES = 256

# A quarter of the bytes as characters always fits; what is longer is measured on the slow path.
_LabelText = Annotated[str, msgspec.Meta(max_length=MAX_LABEL_BYTES // 4)]
Labels = Annotated[dict[_LabelText, _LabelText], msgspec.Meta(max_length=MAX_LABELS)]
# What a built-in unknown member may hold: nothing nested, so nothing deep, and read by the same rules as elsewhere.
Ignored = str | int | float | bool | None | UnsetType


Text = bytes | msgspec.Raw


class Message(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True, rename={"class_": "class"}):
    device: str
    time: str | int | float
    class_: str | None = None
    values: Any  # a row of the table where the shape is typed, else a dict of sensor to number or None
    labels: dict[str, str] | None = None


class Named(Message, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What the slow path makes of members that it has picked already."""

    values: dict[str, float | None]


Decode = Callable[[Text], Message]


class Shapes:
    def __init__(
        self,
        sensors: Sequence[str],
        classes: Collection[str],
        members: Sequence[str] = (),
        extra_sensors: Sequence[str] = (),
    ) -> None:
        """members, extra_sensors: unknown ones to build in."""
        self.sensors = tuple(sensors)
        self.classes = frozenset(classes)
        self._known = frozenset(sensors)
        self.members = tuple(members)
        self.named = self._shape("NamedMessage", values=dict[str, float | None])
        self.typed: type[Message] | None = None
        fit = classes and sensors and all(map(is_field, sensors))
        self.table = Table((*sensors, *extra_sensors) if fit else ())
        if fit:
            self.typed = self._shape("TypedMessage", values=self.table.row, class_=Literal[tuple(sorted(classes))])
        self.decode_named: Decode = msgspec.json.Decoder(self.named).decode
        self.decode_typed: Decode | None = msgspec.json.Decoder(self.typed).decode if self.typed else None

    def ways(self, named_first: bool) -> Sequence[Decode]:
        """What to try in order. The typed shape takes nothing that the named one does not."""
        if named_first or self.decode_typed is None:
            return (self.decode_named,)
        return (self.decode_typed, self.decode_named)

    def _shape(self, name: str, **types: Any) -> type[Message]:
        extras = {f"extra{i}": member for i, member in enumerate(self.members)}
        shape = msgspec.defstruct(
            name,
            [*types.items(), ("labels", Labels | None, None), *((extra, Ignored, UNSET) for extra in extras)],
            bases=(Message,),
            kw_only=True,
            gc=False,
            forbid_unknown_fields=True,
            rename={"class_": "class", **extras},
        )
        return cast(type[Message], shape)

    def values(self, rows: Sequence[Any]) -> tuple[NDArray[np.float32], int]:
        """(rows, sensors) of typed rows, and how many values of the extra sensors there were."""
        width = len(self.sensors)
        if not rows:
            return np.empty((0, width), dtype=np.float32), 0
        cells = self.table.cells(rows)
        if width == len(self.table.names):
            return cells, 0
        return np.ascontiguousarray(cells[:, :width]), int(np.count_nonzero(~np.isnan(cells[:, width:])))

    def loose_values(self, rows: Sequence[dict[str, float | None]]) -> tuple[NDArray[np.float32], list[str]]:
        """The same of dicts, and the names of the sensors that are in none of the columns."""
        strange = [row for row in rows if not row.keys() <= self._known]
        unknown = [name for row in strange for name in row.keys() - self._known if row[name] is not None]
        return to_single([[row.get(name) for name in self.sensors] for row in rows], len(self.sensors)), unknown

    def count_members(self, messages: Sequence[Message]) -> int:
        extras = [f"extra{i}" for i in range(len(self.members))]
        return sum(getattr(message, extra, UNSET) is not UNSET for extra in extras for message in messages)

    def content(self, message: Message) -> dict[str, Any]:
        """By the names that the message has them under."""
        values = message.values
        if not isinstance(values, dict):
            values = dict(zip(self.sensors, astuple(values), strict=False))
            values = {name: value for name, value in values.items() if value is not None and value == value}
        return {"device": message.device, "time": message.time, "class": message.class_ or None, "values": values}


def is_field(name: str) -> bool:
    """Whether a generated struct can have a member of this name."""
    return not any(character in '"\\' or character < " " for character in name)
