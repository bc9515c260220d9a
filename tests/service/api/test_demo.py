"""The scoreboard of a demo over HTTP: the report as it stands, in the shape that the document promises."""

import jsonschema

from service.api import openapi
from service.demo.scoreboard import Opened, Play, judge, report
from service.fleet import Fleet
from tests.service.api.test_doors import client


def test_the_scoreboard_is_the_report_as_it_stands():
    faults = Fleet(8, 3, duration_s=7200.0).faults
    periods_s = {fault.device: 5.0 for fault in faults}
    opened = [
        Opened(faults[0].device, "a1", "process", "level", "critical", faults[0].start_ms + 1000, "flow", "high"),
        Opened(faults[0].device, "a2", "process", "level", "warning", faults[0].start_ms - 900_000, "flow", "false"),
    ]
    play = Play(60, 60, 3600, 60.0, 1000, 0, periods_s, dict.fromkeys(periods_s, 0.5), [{"name": "pump"}])
    told = report(play, judge(faults, opened, periods_s, faults[-1].end_ms + 10**6))
    said = client(lambda: {**told, "finished": False}).simulate_get("/api/v1/demo", headers={"Host": "localhost"})
    assert (said.status_code, said.json) == (200, {**told, "finished": False})
    document = openapi.document()
    jsonschema.validate(said.json, {"$ref": "#/components/schemas/Demo", "components": document["components"]})
    assert {fault["detected"] for fault in said.json["faults"]} == {True, False}
