"""Row 9: the state is damaged, cut or gone: the worker says so and stops, or starts cold where that is configured."""

import json
import signal
from collections.abc import Callable

import pytest

from tests.chaos.breakage import corrupt, cut_state, delete
from tests.chaos.conftest import Input, Tell
from tests.chaos.oracle import Outcome
from tests.chaos.scene import Scene
from tests.chaos.worker import Worker

DATA_RULE, MISSING = 65, 69
RESUME = {"on_data_loss": "resume"}
MIDDLE = 30_000


def half(scene: Scene, how: signal.Signals) -> Worker:
    """A worker that has left in the middle of its work."""
    worker = scene.worker()
    worker.until(lambda: worker.total("gruard_records_total") > MIDDLE, "the middle of its work")
    if how == signal.SIGTERM:
        assert worker.terminated() == 0
    else:
        worker.kill()
    assert scene.lag()
    return worker


def consistent(outcome: Outcome) -> None:
    """Every alert's events count up from where they began, none twice, and nothing follows the end."""
    events: dict[str, list[dict]] = {}
    for values in outcome.alerts.values():
        for alert in map(json.loads, values):
            events.setdefault(alert["alert_id"], []).append(alert)
    for name, own in events.items():
        first = own[0]["sequence"]
        assert [alert["sequence"] for alert in own] == list(range(first, first + len(own))), name
        assert all(alert["event"] != "resolved" for alert in own[:-1]), name


def recreated(scene: Scene) -> int:
    """With the state goes the ledger, so no alert is known to be open."""
    delete(scene, f"{scene.prefix}.state.v1")
    scene.make_topics()
    return 0


ACCIDENTS: dict[str, Callable[[Scene], int]] = {
    "a page with a flipped byte": corrupt,
    "state topic truncated": cut_state,
    "state topic deleted and made anew": recreated,
}


@pytest.mark.chaos
@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_damaged_state_stops_the_worker_or_starts_it_cold_by_configuration(
    scene: Scene, given: Input, tell: Tell, accident: str, how: signal.Signals
):
    half(scene, how)
    closable = ACCIDENTS[accident](scene)
    refused = scene.worker()
    assert refused.ended() == DATA_RULE, refused.tail()
    assert "worker.on_data_loss" in refused.tail()
    lag = scene.lag()
    last = scene.finish(worker=RESUME)
    results = [entry["result"] for entry in last.told("restored")]
    assert "lost" in results
    after = scene.alerts()
    consistent(after)
    ended = sum(b'"resolved_reason":"state_lost"' in value for values in after.alerts.values() for value in values)
    tell(9, f"{accident}, worker {how.name}", seed=given.seed, exit_code=DATA_RULE, open_and_known=closable,
         closed_as_lost=ended, left_to_read=lag)  # fmt: skip
    assert ended == closable


@pytest.mark.chaos
def test_a_state_topic_that_is_gone_is_named(scene: Scene, given: Input, tell: Tell):
    half(scene, signal.SIGTERM)
    delete(scene, f"{scene.prefix}.state.v1")
    refused = scene.worker()
    assert refused.ended() == MISSING, refused.tail()
    assert f"{scene.prefix}.state.v1" in refused.tail()
    tell(9, "state topic deleted", seed=given.seed, exit_code=MISSING)
