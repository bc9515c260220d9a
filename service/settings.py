"""All configuration, as classes: what can be set, in which bounds, and what it is when nobody says.

`service.sources` fills them from a YAML file and the environment; `service.reference` makes their page.
Apart from `service.sources`, no file of the service reads the environment.
"""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from service.detector.rules import AlertsSettings, DetectorSettings, Section
from service.notify.settings import NotifySettings
from service.streams.kafka.settings import KafkaSettings
from service.worker.settings import WorkerSettings


class StreamSettings(Section):
    kind: Literal["embedded", "kafka"] = Field("embedded", description="where readings come from and alerts go")


class EmbeddedSettings(Section):
    path: Path = Field(Path("gruard.db"), description="SQLite file that holds readings, alerts and state")
    partitions: int = Field(4, ge=1, le=1024, description="fixed when the file is made")
    retention_s: float = Field(7 * 86400.0, ge=0, description="how long readings before the last snapshot are kept")


class MappingSettings(Section):
    """Places in a foreign message: a JSON pointer, `key`, or `header:NAME`."""

    device: str = Field("/device", description="device id")
    time: str = Field("/time", description="event time")
    class_: str = Field("/class", alias="class", description="device class")
    values: str = Field("/values", description="object of sensor to number; empty pointer = the flat message itself")
    labels: str = Field("/labels", description="object of names to strings, copied into alerts")
    sensor: str | None = Field(None, description="one sensor a message: where its name is ...")
    value: str | None = Field(None, description="... and where its value is")
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ReadingsSettings(Section):
    mapping: MappingSettings | None = Field(None, description="only for messages that are not in Gruard's own layout")
    max_message_bytes: int = Field(1_048_576, ge=1024, description="a longer message is dead letter `oversize`")
    dead_letter_late: bool = Field(False, description="late readings also go to the dead letters")


class ModelsSettings(Section):
    path: Path = Field(Path("models"), description="folder of <name>/<version>/ bundles")
    default: str = Field("universal", description="bundle for a class that has none of its own")
    patterns: dict[str, str] = Field(
        {}, description="device id pattern (shell style) to class, for readings without one"
    )


class HttpSettings(Section):
    host: str = Field("127.0.0.1", description="address that API, metrics and health answer on; 0.0.0.0 = all")
    port: int = Field(8080, ge=0, le=65535, description="0 = any free one")
    token_file: Path | None = Field(
        None, description="file that holds the token which the API asks for; without one it answers on loopback alone"
    )
    recent_devices: int = Field(
        500, ge=0, le=10_000, description="devices whose last readings are kept in memory for API and console"
    )
    recent_readings: int = Field(
        300, ge=1, le=10_000, description="of each of them; a reading takes 24 bytes and 12 more a sensor"
    )
    recent_alerts: int = Field(1000, ge=0, le=100_000, description="resolved alerts that are kept in memory")


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug also shows tracebacks")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, else one JSON object a line"
    )


class Settings(Section):
    stream: StreamSettings = StreamSettings()
    kafka: KafkaSettings = KafkaSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    readings: ReadingsSettings = ReadingsSettings()
    models: ModelsSettings = ModelsSettings()
    detector: DetectorSettings = DetectorSettings()
    alerts: AlertsSettings = AlertsSettings()
    worker: WorkerSettings = WorkerSettings()
    http: HttpSettings = HttpSettings()
    notify: NotifySettings = NotifySettings()
    logging: LoggingSettings = LoggingSettings()
