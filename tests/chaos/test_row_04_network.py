"""Row 4: the network between worker and broker is cut, slow, or swallows everything."""

import time
from collections.abc import Iterator

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, TOPIC, Tell
from tests.chaos.oracle import Outcome
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.test_row_03_broker import at_work
from tests.chaos.traffic import Traffic, messages
from tests.kafka.proxy import Proxy, proxied

UNAVAILABLE, FENCED = 69, 75
WATCHDOG = {"watchdog_s": 5}
CUT_S, SHORT_CUT_S, DELAY_S, DELAYED_S = 10.0, 2.0, 0.5, 15.0


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[object, Proxy]]:
    with proxied() as (broker, proxy):
        make_topic(broker.direct, TOPIC)
        produce(broker.direct, TOPIC, messages(Traffic(SEED)))
        yield broker, proxy


@pytest.fixture
def behind(network, tmp_path) -> Iterator[Scene]:
    broker, proxy = network
    with Scene(broker.bootstrap, tmp_path, TOPIC, direct=broker.direct) as scene:
        yield scene
        proxy.heal()


@pytest.mark.chaos
def test_after_a_cut_beyond_the_session_timeout_a_restart_is_exact(behind: Scene, network, truth: Outcome, tell: Tell):
    _, proxy = network
    worker = at_work(behind)
    proxy.cut()
    time.sleep(CUT_S)
    proxy.heal()
    # Longer than the session timeout: the group has gone on, so the worker leaves and is started again.
    code = worker.ended()
    behind.finish()
    refused = len(worker.told("stream_unavailable")) + len(worker.told("commit_uncertain"))
    tell(4, f"network cut for {CUT_S:g} s", seed=SEED, times_refused=refused, exit_code=code)
    verdict.exact("04", SEED, behind.outcome(), truth)
    assert code == FENCED
    assert refused > 0


@pytest.mark.chaos
def test_a_short_cut_is_waited_out(behind: Scene, network, truth: Outcome, tell: Tell):
    _, proxy = network
    worker = at_work(behind)
    proxy.cut()
    time.sleep(SHORT_CUT_S)
    proxy.heal()
    behind.until_read(worker)
    assert worker.terminated() == 0
    tell(4, f"network cut for {SHORT_CUT_S:g} s", seed=SEED)
    verdict.exact("04", SEED, behind.outcome(), truth)


@pytest.mark.chaos
def test_half_a_second_of_delay_only_slows_it(behind: Scene, network, truth: Outcome, tell: Tell):
    _, proxy = network
    worker = at_work(behind)
    proxy.delay(DELAY_S)
    time.sleep(DELAYED_S)
    slow = behind.lag()
    proxy.heal()
    behind.until_read(worker)
    assert worker.terminated() == 0
    tell(4, f"{DELAY_S * 1000:g} ms delay for {DELAYED_S:g} s", seed=SEED, left_to_read_after_it=slow)
    verdict.exact("04", SEED, behind.outcome(), truth)


@pytest.mark.chaos
def test_where_everything_is_swallowed_the_watchdog_ends_it_and_a_restart_is_exact(
    behind: Scene, network, truth: Outcome, tell: Tell
):
    _, proxy = network
    worker = behind.worker(kafka=WATCHDOG)
    worker.until(lambda: worker.total("gruard_records_total") > 20_000, "the middle of its work")
    proxy.half_open()
    began = time.monotonic()
    assert worker.ended() == UNAVAILABLE
    took_s = time.monotonic() - began
    assert "kafka.watchdog_s" in worker.log.read_text(errors="replace")
    proxy.heal()
    behind.finish()
    tell(4, "half-open connections", seed=SEED, watchdog_after_s=round(took_s, 1))
    verdict.exact("04", SEED, behind.outcome(), truth)
