"""The live detector over files: frames or a recorded stream in, scores.csv, alerts.jsonl and report.html out.

Nothing here decides anything: readings go through the same Detector, a recording through the same Engine with its own
partitions, offsets, arrivals and journal, so its alerts are byte for byte those of the live run. Alerts are written
partition by partition, within one in the order in which they were published.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from service.bundle import Bundle, Bundles
from service.decoding import Decoder
from service.detector import Detector
from service.errors import InputError, UnavailableError, UsageError
from service.progress import Progress
from service.records import Outcome, Readings
from service.report.curves import Curves
from service.report.sheets import AlertFile, ScoreFile
from service.report.tally import Tally
from service.settings import Settings
from service.streams.files import Frames, Options, read
from service.streams.files.merge import Chunk, chunks
from service.streams.files.recording import Recording, recording
from service.worker import journal
from service.worker.engine import Engine

CHUNK = 8192  # readings a step; changes no output
KEPT_CELLS = 5_000_000  # readings x sensors whose curves are kept at once (80 MB); beyond, a second pass draws
PARTITION = 0  # of files: all their devices share one stream time


@dataclass(frozen=True)
class Backtest:
    """What a backtest has done: `lines` to show, and the files it wrote."""

    tally: Tally
    lines: tuple[str, ...]
    files: tuple[Path, ...]


def backtest(
    inputs: Sequence[str],
    options: Options,
    settings: Settings,
    output: Path,
    model: str | None = None,
    scores: Literal["csv", "parquet"] = "csv",
    show: Callable[[str], None] = print,
    chunk: int = CHUNK,
) -> Backtest:
    """Detect over files or one recording; writes into the folder `output`, made where there is none.

    model: NAME or NAME@VERSION of the bundle that serves every device; None: each by its class, as live.
    show: takes the lines that say how the files were read and what was found. chunk: readings a step, changes nothing.
    Blocks until done. Raises InputError, UsageError, ConfigurationError (BundleError), UnavailableError.
    """
    bundles = _bundles(settings, model)
    source = _source(inputs, options, settings, bundles, chunk)
    for line in [*source.described, *_served(source, bundles, settings)]:
        show(line)
    run = _Run(settings, bundles, source, _folder(output))
    files = run.detect(scores)
    lines = run.tally.lines(bundles, settings)
    files += _report(run, bundles, settings, show)
    for line in lines:
        show(line)
    return Backtest(run.tally, tuple(lines), tuple(files))


class OnlyBundle(Bundles):
    """One bundle for every class."""

    def get(self, name: str) -> Bundle | None:
        return self.default

    def all(self) -> list[Bundle]:
        return [self.default]


def _bundles(settings: Settings, model: str | None) -> Bundles:
    if model is not None:
        return OnlyBundle(settings.models.path, model)
    return Bundles(settings.models.path, settings.models.default, settings.models.patterns.values())


def _folder(output: Path) -> Path:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"--output {output}: can't be made a folder ({error.strerror})") from None
    return output


class Source(Protocol):
    described: Sequence[str]
    period_s: float | None
    time_known: bool
    frames: Frames | None

    @property
    def messages(self) -> int: ...

    @property
    def cells(self) -> int:
        """Readings x sensors, about."""
        ...

    def steps(self, detector: Detector) -> Iterator[tuple[Readings | None, Outcome]]:
        """Every outcome, in order, before it is folded."""
        ...


def _source(inputs: Sequence[str], options: Options, settings: Settings, bundles: Bundles, chunk: int) -> Source:
    recorded = [found for text in inputs if (found := recording(text)) is not None]
    if not recorded:
        return FrameSource(read(inputs, options), chunk)
    if len(inputs) > 1:
        raise UsageError(f"{recorded[0].name} is a recording: backtest one recording at a time, and no files beside it")
    if options != Options():
        raise UsageError(f"{recorded[0].name} is a recording: its columns are known, leave --time, --device ... out")
    return RecordingSource(recorded[0], settings, chunk)


class FrameSource:
    """Frames as readings in columns, one partition, event time as arrival."""

    def __init__(self, frames: Frames, chunk: int) -> None:
        self.frames: Frames | None = frames
        self.described: Sequence[str] = frames.described
        self.period_s: float | None = frames.period_s
        self.time_known = frames.time_known
        self.messages = frames.readings
        self.cells = frames.readings * len(frames.sensors)
        self._frames, self._chunk = frames, chunk

    def steps(self, detector: Detector) -> Iterator[tuple[Readings | None, Outcome]]:
        detector.open(PARTITION)
        for readings in readings_of(self._frames, self._chunk):
            yield readings, detector.step(readings)


def readings_of(frames: Frames, chunk: int = CHUNK) -> Iterator[Readings]:
    """The readings of all frames in stream order; their offsets count them."""
    return (_readings(part) for part in chunks(frames, chunk))


def _readings(chunk: Chunk) -> Readings:
    return Readings(
        partition=PARTITION,
        offsets=np.arange(chunk.start, chunk.start + len(chunk), dtype=np.int64),
        arrivals=chunk.times,
        record=np.arange(len(chunk), dtype=np.int32),
        devices=chunk.devices,
        times=chunk.times,
        classes=chunk.classes,
        sensors=chunk.sensors,
        values=chunk.values,
    )


class RecordingSource:
    """Recorded messages through the decoder, with the partitions, offsets, arrivals and journal of the live run."""

    def __init__(self, recorded: Recording, settings: Settings, chunk: int) -> None:
        self.frames: Frames | None = None
        self.period_s: float | None = None
        self.time_known = True
        self.messages = recorded.messages
        self.cells = recorded.messages * 8
        partitions = len(recorded.partitions)
        self.described: Sequence[str] = (
            f"inputs: {recorded.name}, a recording of {recorded.messages:,} messages in {partitions} partitions",
        )
        self._recorded, self._settings, self._chunk = recorded, settings, chunk

    def steps(self, detector: Detector) -> Iterator[tuple[Readings | None, Outcome]]:
        own = self._settings.readings
        decoder = Decoder(detector.sensors(), detector.classes(), own.mapping, own.max_message_bytes)
        engine = Engine(detector, decoder)
        detector.locate(self._recorded.place)
        for partition in self._recorded.partitions:
            detector.open(partition)
            entries = [journal.parse(value) for value in self._recorded.entries(partition)]
            records = self._recorded.records(partition, self._chunk)
            for item in journal.interleaved(records, entries):
                if isinstance(item, journal.Entry):
                    yield None, engine.apply(partition, item)
                else:
                    yield engine.step(item)
            detector.drop(partition)


class _Run:
    """One or two passes over the source: the second only for curves that did not fit beside the first."""

    def __init__(self, settings: Settings, bundles: Bundles, source: Source, folder: Path) -> None:
        self.settings, self.source, self.folder = settings, source, folder
        self._bundles = bundles
        self.tally = Tally(source.period_s)
        self.curves = Curves(None) if source.cells <= KEPT_CELLS else None

    def detect(self, kind: Literal["csv", "parquet"]) -> list[Path]:
        alerts, scores = self.folder / "alerts.jsonl", self.folder / f"scores.{kind}"
        with AlertFile(alerts) as alert_file, ScoreFile(scores) as score_file:
            for readings, outcome in self._steps("detecting"):
                alert_file.write(outcome.alerts)
                self.tally.add(readings, outcome)
                if readings is not None and outcome.scores is not None:
                    score_file.write(outcome.scores.stepped, outcome.scores)
                    if self.curves is not None:
                        self.curves.add(outcome.scores.stepped, outcome.scores)
        return [scores, alerts]

    def curves_of(self, devices: Sequence[str]) -> Curves:
        if self.curves is None:
            self.curves = Curves(devices)
            for readings, outcome in self._steps("drawing"):
                if readings is not None and outcome.scores is not None:
                    self.curves.add(outcome.scores.stepped, outcome.scores)
        return self.curves

    def _steps(self, what: str) -> Iterator[tuple[Readings | None, Outcome]]:
        own = self.settings
        detector = Detector(
            self._bundles,
            own.detector,
            own.alerts,
            own.models.patterns,
            scores=True,
            dead_letter_late=own.readings.dead_letter_late,
        )
        with Progress(what, self.source.messages) as progress:
            for readings, outcome in self.source.steps(detector):
                yield readings, outcome
                detector.fold(outcome)
                progress.add(0 if readings is None else len(readings.arrivals))


def _report(run: _Run, bundles: Bundles, settings: Settings, show: Callable[[str], None]) -> list[Path]:
    from service import report

    if not report.available():
        show("report.html is left out: it needs the extra `reports` (pip install 'gruard[reports]')")
        return []
    chosen = run.tally.worth_showing(report.DEVICES)
    path = run.folder / "report.html"
    story = report.Story(
        run.tally, run.curves_of(chosen), chosen, run.folder / "alerts.jsonl", bundles, settings, run.source.described,
        run.source.time_known,
    )  # fmt: skip
    report.write(story, path)
    return [path]


def _served(source: Source, bundles: Bundles, settings: Settings) -> list[str]:
    """What a fitted bundle lacks of a file's sensors, and the other way round. Raises InputError: nothing in common."""
    told: dict[str, None] = {}
    for frame in source.frames or ():
        name = frame.class_name
        if name is None:
            patterns = settings.models.patterns.items()
            name = next((c for pattern, c in patterns if fnmatchcase(frame.device, pattern)), "default")
        bundle = bundles.get(name) or bundles.default
        known = {sensor.name for sensor in bundle.manifest.sensors}
        if not known:
            continue
        title = f"model {bundle.name}@{bundle.version}"
        if not known & set(frame.sensors):
            raise InputError(
                f"{title} knows none of the sensors of device {frame.device!r} ({', '.join(frame.sensors)}); "
                f"it knows {', '.join(sorted(known))}"
            )
        if lacking := known - set(frame.sensors):
            told[f"{title}: missing in the input: {', '.join(sorted(lacking))}"] = None
        if foreign := set(frame.sensors) - known:
            told[f"{title}: not known to it and left out: {', '.join(sorted(foreign))}"] = None
    return list(told)
