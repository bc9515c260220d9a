"""Dead letters told by reason, and published again into the inputs they came from, each once.

A batch message of which several elements were refused is several letters and one message: it is published once.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from service.progress import Progress
from service.streams.letters import Box, Letter, Place

BATCH = 256  # messages published in one transaction ...
BATCH_BYTES = 16 << 20  # ... unless they are as long as this together


@dataclass
class Tally:
    """Letters of one reason."""

    example: Letter  # the oldest
    letters: int = 0
    again: int = 0  # of them, published again


@dataclass
class Replayed:
    published: Counter[str] = field(default_factory=Counter)  # messages, by reason
    left: Counter[str] = field(default_factory=Counter)  # letters that can't be: truncated, or of no input of ours


def tally(box: Box) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    with Progress("reading dead letters") as progress:
        for partition, place in box.places().items():
            for letter in box.letters(partition, 0):
                told = found.setdefault(letter.reason, Tally(letter))
                told.letters += 1
                told.again += letter.position < place.of(letter.reason) and box.takes(letter)
                progress.add(1)
    return found


def replay(box: Box, reasons: Collection[str] | None = None) -> Replayed:
    """Publish what has not been; reasons: only these. Blocks until all that lay there at the start is done."""
    done = Replayed()
    with Progress("publishing again") as progress:
        for partition, place in box.places().items():
            for letters, position in _batches(box, partition, place, reasons, done):
                place = place.after(position, reasons)
                box.publish(partition, letters, place)
                done.published.update(letter.reason for letter in letters)
                progress.add(len(letters))
    return done


def _batches(
    box: Box, partition: int, place: Place, reasons: Collection[str] | None, done: Replayed
) -> Iterator[tuple[list[Letter], int]]:
    """What goes into one transaction, and the position before which all is done with it."""
    batch: list[Letter] = []
    size, position = 0, 0
    letters = box.letters(partition, place.first(reasons))
    for _, elements in groupby(letters, key=lambda letter: letter.source):
        chosen, position = _message(elements, place, reasons)
        if chosen is not None and box.takes(chosen):
            batch.append(chosen)
            size += len(chosen.value)
        elif chosen is not None:
            done.left[chosen.reason] += 1
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch, position
            batch, size = [], 0
    if batch:
        yield batch, position


def _message(elements: Iterator[Letter], place: Place, reasons: Collection[str] | None) -> tuple[Letter | None, int]:
    """The first letter of a message that is due, and the position after the last one."""
    chosen, position = None, 0
    for letter in elements:
        position = letter.position + 1
        wanted = (not reasons or letter.reason in reasons) and letter.position >= place.of(letter.reason)
        chosen = chosen or (letter if wanted else None)
    return chosen, position
