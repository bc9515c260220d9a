"""Row 11: retention has removed input that a restore needs, or that nobody has read yet."""

import signal

import pytest

from tests.chaos.breakage import cut
from tests.chaos.conftest import SEED, Tell
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.test_row_09_state import DATA_RULE, RESUME, consistent, half
from tests.chaos.traffic import Traffic, messages


@pytest.mark.chaos
@pytest.mark.parametrize("past", ["snapshot", "committed offset"])
def test_a_hole_in_the_input_stops_the_worker_or_is_counted(kafka, tmp_path, tell: Tell, past: str):
    topic = f"chaos.hole.{past.split()[0]}.{SEED}.v1"
    make_topic(kafka.bootstrap, topic)
    produce(kafka.bootstrap, topic, messages(Traffic(SEED)))
    with Scene(kafka.bootstrap, tmp_path, topic) as scene:
        half(scene, signal.SIGKILL)
        committed = {partition: at for partition, (at, _) in scene.progress().items()}
        behind = -1 if past == "snapshot" else 500
        # Not where nothing was read yet: there an offset before the committed one is none.
        cut(scene, topic, {partition: at + behind for partition, at in committed.items() if at + behind > 0})
        refused = scene.worker()
        assert refused.ended() == DATA_RULE, refused.tail()
        assert all(word in refused.tail() for word in ("log starts at offset", "snapshot", "worker.on_data_loss"))
        last = scene.finish(worker=RESUME)
        lost = sum(entry["records"] for entry in last.told("records_lost"))
        after = scene.alerts()
        ended = sum(b'"resolved_reason":"state_lost"' in value for values in after.alerts.values() for value in values)
        tell(11, f"log start past the {past}", seed=SEED, exit_code=DATA_RULE, lost=lost, closed_as_lost=ended)
        assert {entry["result"] for entry in last.told("restored")} <= {"lost", "exact"}
        assert lost == (0 if past == "snapshot" else 500 * len(committed))
        assert ended > 0
        consistent(after)
