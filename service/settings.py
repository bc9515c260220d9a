"""All configuration: one YAML file, every value also an environment variable GRUARD_<SECTION>__<FIELD>.

No other file of the service reads the environment.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from service.detector.rules import AlertsSettings, DetectorSettings, Section


class StreamSettings(Section):
    kind: Literal["embedded", "kafka"] = Field("embedded", description="where readings come from and alerts go")


class EmbeddedSettings(Section):
    path: Path = Field(Path("gruard.db"), description="SQLite file that holds readings, alerts and state")
    partitions: int = Field(4, ge=1, le=1024, description="fixed when the file is made")
    retention_s: float = Field(7 * 86400.0, ge=0, description="how long readings before the last snapshot are kept")


class KafkaSettings(Section):
    bootstrap_servers: str = "127.0.0.1:9092"
    group: str = "gruard"
    slot: str = Field("detector-a", description="stable name of this worker: static member and transactional id")
    topic_prefix: str = "telemetry"
    input_topics: tuple[str, ...] | None = Field(None, description="default: <prefix>.readings.v1")


class MappingSettings(Section):
    """Places in a foreign message: a JSON pointer, `key`, or `header:NAME`."""

    device: str = "/device"
    time: str = "/time"
    class_: str = Field("/class", alias="class")
    values: str = Field("/values", description="object of sensor to number; empty pointer = the flat message itself")
    labels: str = "/labels"
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
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, else one JSON object a line"
    )


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GRUARD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    stream: StreamSettings = StreamSettings()
    kafka: KafkaSettings = KafkaSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    readings: ReadingsSettings = ReadingsSettings()
    models: ModelsSettings = ModelsSettings()
    detector: DetectorSettings = DetectorSettings()
    alerts: AlertsSettings = AlertsSettings()
    http: HttpSettings = HttpSettings()
    logging: LoggingSettings = LoggingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls))
