"""Headers say where a message came from; keys and values stay the bytes they were."""

from hypothesis import given
from hypothesis import strategies as st

from service.records import AlertRecord, Records, Reject
from service.worker import publish
from service.worker.publish import Origin

ORIGIN = Origin(
    place=lambda partition: ("telemetry.readings.v1", partition), group="gruard", version="0.1.0", model="abc"
)
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
