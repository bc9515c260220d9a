"""Headers say where a message came from; keys and values stay the bytes they were."""

import json
import sqlite3
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.records import AlertRecord, Records, Reject
from service.worker import publish
from service.worker.publish import Origin
from tests.service.published import assert_sound
from tests.service.real import fleet_messages, real_engine
from tests.service.rig import SETTINGS, Life, filled, outcome

ORIGIN = Origin(group="gruard", version="0.1.0", model="abc")
NOW = 1_795_248_203_123


@given(
    st.lists(st.tuples(st.none() | st.binary(), st.binary()), min_size=1, max_size=5),
    st.lists(
        st.tuples(st.integers(0, 4), st.none() | st.integers(0, 3), st.text()), max_size=6, unique_by=lambda t: t[:2]
    ),
)
def test_a_dead_letter_is_the_untouched_message_with_its_coordinates(messages, faults):
    offsets = [10 * i for i in range(len(messages))]
    own = [(("trace", b"\xff"),) if i % 2 else () for i in range(len(messages))]
    records = Records(3, offsets, [NOW - i for i in offsets], [k for k, _ in messages], [v for _, v in messages], own)
    rejects = [Reject(record % len(messages), element, "schema", error) for record, element, error in faults]
    letters = publish.dead_letters(records, rejects, ORIGIN, NOW)
    assert len(letters) == len(rejects)
    assert [letter.offset for letter in letters] == sorted(letter.offset for letter in letters)
    for letter in letters:
        at = offsets.index(letter.offset)
        assert (letter.key, letter.value) == messages[at]
        assert letter.headers[: len(own[at])] == own[at]
        headers = dict(letter.headers)
        assert headers["dlq.offset"] == str(letter.offset).encode()
        assert headers["dlq.partition"] == b"3"
        assert headers["dlq.timestamp"] == str(NOW - letter.offset).encode()
        assert len(headers["dlq.error"].decode()) <= publish.MAX_ERROR
    told = sorted((r.record, -1 if r.element is None else r.element) for r in rejects)
    elements = [int(dict(letter.headers).get("dlq.element", b"-1")) for letter in letters]
    assert elements == [element for _, element in told]


def test_an_alert_carries_cloud_event_attributes_beside_an_untouched_value():
    value = b'{"alert_id":"abc","reading_time":"2026-11-21T08:03:23.123Z","other":1}'
    output = publish.alert(AlertRecord("pümp", "abc", "escalated", 3, "process", "critical", 17, value), 2, ORIGIN, NOW)
    assert (output.partition, output.offset, output.key, output.value) == (2, 17, "pümp".encode(), value)
    assert dict(output.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"abc-3",
        "ce_type": b"gruard.alert.escalated",
        "ce_source": b"/gruard/gruard/telemetry.readings.v1",
        "ce_subject": "pümp".encode(),
        "ce_time": b"2026-11-21T08:03:23.123Z",
        "content-type": b"application/json",
        "detected_time": b"2026-11-21T08:03:23.123Z",
    }


def test_alerts_whose_state_is_lost_end_as_sound_events(tmp_path):
    """Those events are made from what was published last, not by the detector."""
    path = filled(tmp_path / "gruard.db", fleet_messages(20262, seconds=900.0))
    settings = SETTINGS.model_copy(update={"max_records": 500, "on_data_loss": "resume"})
    assert Life(path, real_engine, settings=settings).killed("committed@1500")
    open_ones = len(outcome(path).ledger)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM state WHERE key LIKE 'page/%'")
    connection.commit()
    connection.close()
    Life(path, real_engine, settings=settings).live()
    assert_sound(path)
    lost = [value for alerts in outcome(path).alerts.values() for _, _, value in alerts if b'"state_lost"' in value]
    assert 0 < len(lost) == open_ones


def test_a_partition_among_several_topics_is_named_as_the_outside_knows_it():
    """The port numbers the partitions of all topics through; outputs name topic and partition."""
    origin = replace(ORIGIN, place=lambda partition: ("meters", partition - 4))
    records = Records(6, [9], [NOW], [b"k"], [b"{"])
    (letter,) = publish.dead_letters(records, [Reject(0, None, "decode", "no")], origin, NOW)
    headers = dict(letter.headers)
    assert (headers["dlq.topic"], headers["dlq.partition"], letter.partition) == (b"meters", b"2", 6)
    record = AlertRecord("d", "abc", "opened", 1, "process", "warning", 9, b'{"reading_time":"2026-11-21T08:03:23Z"}')
    assert dict(publish.alert(record, 6, origin, NOW).headers)["ce_source"] == b"/gruard/gruard/meters"


def test_an_alert_names_its_own_topic_and_partition(tmp_path):
    engine = real_engine()
    engine.detector.locate(lambda partition: ("meters", partition - 4))
    messages = fleet_messages(20262, seconds=900.0)
    offsets = range(len(messages))
    keys, values = [m.key for m in messages], [m.value for m in messages]
    engine.detector.open(6)
    _, outcome = engine.step(Records(6, offsets, [m.arrival for m in messages], keys, values))
    sources = [json.loads(alert.value)["source"] for alert in outcome.alerts]
    assert len(sources) > 5
    assert all(source == {"topic": "meters", "partition": 2, "offset": source["offset"]} for source in sources)
