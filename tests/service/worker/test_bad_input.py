"""Every kind of bad message through the real worker: dead letters with reasons, neighbours unharmed, states finite."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.streams.embedded import EmbeddedLog, Message
from tests.service.decoding.test_bad_messages import BAD
from tests.service.published import assert_sound
from tests.service.real import BAD as MIXED_IN
from tests.service.real import fleet_messages, real_engine, rows
from tests.service.rig import Life, filled, outcome

GOOD = [message for message in fleet_messages(3, seconds=400.0) if message.value not in MIXED_IN]
KINDS = [bad for bad in BAD if bad.raw is not None]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same readings without and with every bad message between them, each played to its end."""
    spoilt = list(GOOD)
    for n, bad in enumerate(KINDS):
        at = len(spoilt) * n // len(KINDS)
        spoilt.insert(at, Message(spoilt[at].key, bad.raw or b"", spoilt[at].arrival))
    folder = tmp_path_factory.mktemp("lives")
    paths = filled(folder / "clean.db", GOOD), filled(folder / "dirty.db", spoilt)
    for path in paths:
        Life(path, real_engine).live()
        assert_sound(path)
    return paths


def test_every_bad_message_is_a_dead_letter_that_names_field_and_value(lives: tuple[Path, Path]) -> None:
    assert len(KINDS) >= 40
    log = EmbeddedLog(lives[1])
    letters = [(letter.value, dict(letter.headers)) for _, letter in log.written("deadletters")]
    log.close()
    for bad in KINDS:
        told = [headers for value, headers in letters if value == bad.raw or "oversize" in bad.reason]
        assert any(
            headers["dlq.reason"].decode() == bad.reason
            and bad.field in headers["dlq.error"].decode()
            and bad.value in headers["dlq.error"].decode()
            for headers in told
        ), bad.kind


def test_the_good_readings_around_them_end_in_the_same_states_and_alerts(lives: tuple[Path, Path]) -> None:
    clean, dirty = (
        {
            partition: [{**json.loads(value), "source": None} for *_, value in alerts]
            for partition, alerts in outcome(path).alerts.items()
        }
        for path in lives
    )
    assert clean == dirty
    # The row of a device with an open alert quotes an offset, and offsets are others where bad messages lie between.
    quoting = {str(name).split("/")[1] for name in outcome(lives[0]).ledger}
    calm, disturbed = ({d: row for d, row in rows(path).items() if d not in quoting} for path in lives)
    assert len(calm) > 20
    assert calm == disturbed


def test_no_state_is_ever_anything_but_finite(lives: tuple[Path, Path]) -> None:
    log, engine = EmbeddedLog(lives[1]), real_engine()
    pages = [(r.key, r.value) for r in log.state(0) if r.key.startswith("page/") and r.value is not None]
    log.close()
    engine.detector.load(0, pages)
    for table in engine.detector._partitions[0].tables:
        alive = np.concatenate(list(table.alive()))
        assert np.isfinite(table.columns["state"][alive]).all()
