"""Every alert in a file, held against the model, the published schema and the rules of its headers."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from jsonschema import Draft202012Validator

from service.detector.alerts import Alert
from service.streams.embedded import EmbeddedLog
from service.streams.port import Output

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "alert.schema.json").read_text("utf-8"))
CLOSED = Draft202012Validator({**SCHEMA, "additionalProperties": False})
ATTRIBUTES = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type")


def assert_sound(path: Path) -> int:
    """How many there were."""
    log = EmbeddedLog(path)
    outputs = [output for _, output in log.written("alerts")]
    log.close()
    return assert_all_sound(outputs)


def assert_all_sound(outputs: Iterable[Output]) -> int:
    ids: list[str] = []
    for output in outputs:
        CLOSED.validate(json.loads(output.value))
        alert = Alert.model_validate_json(output.value, strict=True)
        assert json.loads(alert.model_dump_json(by_alias=True)) == json.loads(output.value)
        headers = {name: value.decode() for name, value in output.headers}
        assert headers.keys() == {*ATTRIBUTES, "detected_time"}
        assert tuple(headers[name] for name in ATTRIBUTES) == (
            "1.0",
            f"{alert.alert_id}-{alert.sequence}",
            f"gruard.alert.{alert.event}",
            f"/gruard/gruard/{alert.source.topic}",
            alert.device_id,
            alert.reading_time,
            "application/json",
        )
        assert output.key == alert.device_id.encode()
        assert alert.resolved_reason == "state_lost" or output.offset == alert.source.offset
        assert (alert.event == "resolved") == (alert.resolved_time is not None) == (alert.resolved_reason is not None)
        for time in filter(None, (alert.onset_time, alert.reading_time, alert.resolved_time)):
            assert time.endswith("Z")
            datetime.fromisoformat(time)
        ids.append(headers["ce_id"])
    assert len(set(ids)) == len(ids)
    return len(ids)
