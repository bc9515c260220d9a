"""What the recorder keeps of a detector's steps: bounded, only what was folded, and gone with its partition."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.api.recorder import Recorder
from service.detector.seen import Seen
from tests.service.api.test_shelf import LAYOUT, seen

DEVICES = [f"d{i}" for i in range(12)]
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.lists(st.sampled_from(DEVICES), unique=True, min_size=1), st.integers(0, 1)),
        st.tuples(st.just("ask"), st.sampled_from(DEVICES)),
        st.tuples(st.just("trouble"), st.sets(st.sampled_from(DEVICES)), st.sets(st.sampled_from(DEVICES))),
        st.tuples(st.just("drop"), st.integers(0, 1)),
        st.tuples(st.just("forget"), st.sets(st.sampled_from(DEVICES))),
    ),
    max_size=40,
)


@given(DEEDS, st.integers(0, 5), st.integers(1, 4))
def test_memory_is_bounded_and_only_watched_devices_have_a_ring(deeds, devices, readings):
    recorder = Recorder(devices, readings)
    for now, deed in enumerate(deeds):
        if deed[0] == "step":
            mask = recorder.chosen(deed[1])
            chosen = [device for device, watched in zip(deed[1], mask, strict=True) if watched]
            if chosen:
                recorder.folded(deed[2], [seen(chosen, [now] * len(chosen), now)])
                assert all(recorder.copied(device)[0].times[-1] == now for device in chosen)
        elif deed[0] == "ask":
            recorder.ask(deed[1])
        elif deed[0] == "trouble":
            recorder.told(sorted(deed[1]), sorted(deed[2] - deed[1]))
        elif deed[0] == "drop":
            recorder.dropped(deed[1], ())
        else:
            recorder.forgotten(deed[1])
        recorded = recorder.evidence(DEVICES)
        assert len(recorded) <= devices
        assert recorder.chosen(sorted(recorded)).all()
        one = readings * (8 + 4 * (4 + 3 * LAYOUT.width)) + 4 * (2 * LAYOUT.width + 4 + 2)
        assert recorder.nbytes <= max(16, 4 * devices) * one


def test_a_device_that_goes_to_a_wider_table_begins_anew_there():
    recorder = Recorder(3, 5)
    assert recorder.chosen(["a", "b"]).all()
    recorder.folded(0, [seen(["a", "b"], [1, 1], 0)])
    part = seen(["a"], [2], 9)
    recorder.folded(0, [Seen("wider", *[getattr(part, name) for name in list(Seen.__dataclass_fields__)[1:]])])
    assert recorder.copied("a")[0].times.tolist() == [2]
    assert recorder.copied("b")[0].times.tolist() == [1]


def test_labels_are_those_of_the_last_reading_that_had_any():
    recorder = Recorder(3, 5)
    recorder.chosen(["a"])
    for labels in ({}, {"a": {"site": "north"}}, {}):
        part = seen(["a"], [1], 0)
        part.labels.update(labels)
        recorder.folded(0, [part])
    assert recorder.copied("a")[1] == {"site": "north"}


def test_a_reader_on_another_thread_sees_whole_readings_only():
    """A ring is never seen half written: every number of a reading tells of the same row."""
    recorder, stop, torn = Recorder(8, 50), threading.Event(), []
    devices = DEVICES[:8]
    recorder.chosen(devices)

    def read():
        while not stop.is_set():
            for device in devices:
                found = recorder.copied(device)
                if found is not None:
                    copied = found[0]
                    rows = copied.cells[:, 0]
                    if not np.array_equal(copied.values()[0][:, 0], rows * 100) or (np.diff(copied.times) <= 0).any():
                        torn.append(device)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for now in range(400):
        recorder.folded(0, [seen(devices, [now] * 8, now)])
    stop.set()
    for thread in threads:
        thread.join()
    assert not torn
