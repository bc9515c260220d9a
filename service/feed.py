"""Files into the configured stream: every row becomes one message in Gruard's own layout, in the order of time.

What a file says and what a message says is the same to the detector: a float32 is written with the digits that bring
it back. Arrival is when the stream took the message; `--speed` spreads the arrivals as the event times are spread.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.progress import Progress
from service.settings import Settings
from service.streams.files import Options, read
from service.streams.files.merge import Chunk, chunks
from service.streams.files.messages import messages
from service.streams.files.pipe import frames_of_pipe
from service.streams.log import Log, Message
from service.streams.opening import open_log

BATCH = 4096  # messages appended together
PACED_S = 0.1  # of the clock: what is due within is appended together when a speed is asked for
LONGEST_PAUSE_S = 3600.0  # of event time: a longer one is cut to this, or two files of different years would never meet


class Clock(Protocol):
    def now_ms(self) -> int: ...
    def sleep(self, seconds: float) -> None: ...


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def feed(
    inputs: Sequence[str],
    options: Options,
    settings: Settings,
    speed: float = 0.0,
    show: Callable[[str], None] = print,
    clock: Clock | None = None,
) -> int:
    """Write every reading of the inputs into the configured stream; how many there were.

    speed: seconds of event time a second, 0 = as fast as it can. show: takes the lines that say what was inferred.
    Standard input alone (`-`) is fed as it comes, until it ends. Blocks until all is written.
    Raises InputError, UsageError, UnavailableError, MissingError, ConfigurationError.
    """
    parts = iter(frames_of_pipe(options)) if list(inputs) == ["-"] else iter([read(inputs, options)])
    first = next(parts)
    for line in first.described:
        show(line)
    log = open_log(settings, create=True)
    try:
        pace, readings = Pace(speed, clock or WallClock()), 0
        with Progress("feeding", first.readings if list(inputs) != ["-"] else None) as progress:
            for frames in chain([first], parts):
                for chunk in chunks(frames, BATCH):
                    _append(log, chunk, pace, progress)
                readings += frames.readings
    finally:
        log.close()
    return readings


def _append(log: Log, chunk: Chunk, pace: "Pace", progress: Progress) -> None:
    pairs = list(messages(chunk))
    for part in pace.parts(chunk):
        arrival = pace.clock.now_ms()
        log.append(Message(key, value, arrival) for key, value in pairs[part])
        progress.add(len(pairs[part]))


class Pace:
    """Waits so that event time passes `speed` times as fast as the clock."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self.clock = clock
        self._speed = speed
        self._began_ms = clock.now_ms()
        self._reached: int | None = None  # event time of the last reading
        self._due_s = 0.0  # seconds after the beginning at which it was due

    def parts(self, chunk: Chunk) -> Iterator[slice]:
        """The chunk in parts, each given when it is due."""
        if self._speed == 0:
            yield slice(0, len(chunk))
            return
        due = self._due(chunk)
        cuts = [0, *(np.flatnonzero(np.diff(due // PACED_S)) + 1).tolist(), len(chunk)]
        for start, stop in pairwise(cuts):
            self._wait(float(due[stop - 1]))
            yield slice(start, stop)

    def _due(self, chunk: Chunk) -> NDArray[np.float64]:
        first = int(chunk.times[0]) if self._reached is None else self._reached
        reached = np.maximum.accumulate(np.concatenate([[first], chunk.times]))
        steps = np.minimum(np.diff(reached) / 1000, LONGEST_PAUSE_S) / self._speed
        due: NDArray[np.float64] = self._due_s + np.cumsum(steps)
        self._reached, self._due_s = int(reached[-1]), float(due[-1])
        return due

    def _wait(self, due_s: float) -> None:
        ahead = due_s - (self.clock.now_ms() - self._began_ms) / 1000
        if ahead > 0:
            self.clock.sleep(ahead)
