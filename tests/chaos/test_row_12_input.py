"""Row 12: input as bad as it gets: what came out live is byte for byte what a backtest of the recorded topic finds."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, Tell
from tests.chaos.oracle import Outcome
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import SITES, Traffic, messages
from tests.chaos.worker import environ
from tests.service import cli

TICK_S = 2.0
PATIENCE_S = 600.0
INPUTS = {
    "duplicates 5 %, disorder 5 %, late 1 %, a clock an hour off, a silent gateway": Traffic(
        SEED, readings=120_000, duplicates=0.05, disorder=0.05, late=0.01, hour_off=True, silent=True
    ),
    "90 % from one device": Traffic(SEED, hot=0.9),
    "one producer's timestamps a day ahead": Traffic(SEED, day_ahead=True),
}


def backtest(scene: Scene, folder: Path) -> dict[str, Sequence[bytes]]:
    """The alerts by device that `gruard backtest` finds in what `gruard record` recorded."""
    env = cli.environment(environ(scene.settings()))
    for arguments in (
        ("record", "--output", folder / "r.parquet"),
        ("backtest", folder / "r.parquet", "--output", folder),
    ):
        subprocess.run(cli.command(*arguments), env=env, timeout=PATIENCE_S, check=True)
    found: dict[str, list[bytes]] = {}
    for line in (folder / "alerts.jsonl").read_bytes().splitlines():
        found.setdefault(json.loads(line)["device_id"], []).append(line)
    return found


@pytest.mark.chaos
@pytest.mark.parametrize("what", INPUTS)
def test_bad_input_gives_what_a_backtest_of_the_recorded_topic_gives(kafka, tmp_path, tell: Tell, what: str):
    sent = messages(INPUTS[what])
    topic = f"chaos.bad.{list(INPUTS).index(what)}.{SEED}.v1"
    make_topic(kafka.bootstrap, topic)
    produce(kafka.bootstrap, topic, sent)
    ticking = {"idle_tick_s": TICK_S}
    with Scene(kafka.bootstrap, tmp_path, topic) as scene:
        assert scene.worker(crash_at="staged@40000", worker=ticking).ended() == -9
        last = scene.worker(worker=ticking)
        scene.until_read(last)
        last.until(lambda: last.total("gruard_idle_ticks_total") >= 12, "two idle ticks of every partition")
        assert last.terminated() == 0
        found = scene.alerts()
        assert sum(entry["replayed"] for entry in last.told("restored")) > 0
        events = [json.loads(value) for values in found.alerts.values() for value in values]
        silent = {alert["device_id"] for alert in events if alert["type"] == "silent"}
        tell(12, what, seed=SEED, messages=len(sent), alert_events=len(events), found_silent=len(silent))
        expected = Outcome(backtest(scene, tmp_path), found.letters)
        verdict.exact("12", SEED, found, expected)
        if INPUTS[what].silent:
            gateway = {f"meter-{number:03d}" for number in range(1, 201) if SITES[number % len(SITES)] == "east"}
            assert gateway <= silent
