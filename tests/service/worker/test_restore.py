"""What a restore finds decides what it does: exact, or never silent about why not."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import DataRuleError, GruardError
from service.streams.embedded import EmbeddedLog
from tests.service import rig
from tests.service.rig import PARTITIONS, SETTINGS, Life, counting_messages, events, filled, outcome

SEED = 7
Damage = Callable[[sqlite3.Connection], object]
RESUME = SETTINGS.model_copy(update={"on_data_loss": "resume"})


@pytest.fixture
def killed(tmp_path) -> Path:
    """Snapshots, readings after them, more readings to come, and alerts open."""
    path = filled(tmp_path / "gruard.db", counting_messages(SEED, 2500))
    assert Life(path).killed("committed@1500")
    assert outcome(path).ledger
    return path


def change(path: Path, damage: Damage) -> None:
    connection = sqlite3.connect(path)
    damage(connection)
    connection.commit()
    connection.close()


def snapshot_offsets(path: Path) -> dict[int, tuple[int, int]]:
    """(S, C) of every partition."""
    log = EmbeddedLog(path)
    found = {p: log.committed(p) for p in range(PARTITIONS)}
    log.close()
    return {p: (json.loads(c.metadata)["offset"], c.offset) for p, c in found.items() if c}


def lost_ends(path: Path) -> list[str]:
    log = EmbeddedLog(path)
    values = [json.loads(output.value) for _, output in log.written("alerts")]
    log.close()
    return [value["alert_id"] for value in values if value.get("resolved_reason") == "state_lost"]


def assert_goes_on_exactly(path: Path, rules: str = "") -> None:
    """Whatever was adopted is a sound base: the next restores are exact and the ledger holds what is open."""
    log = EmbeddedLog(path)
    log.append(counting_messages(SEED + 1, 800))
    log.close()
    assert Life(path, rules=rules).killed("committed@300")
    again = Life(path, rules=rules).live()
    assert again.results == ["exact"] * PARTITIONS
    assert again.replayed > 0
    ids = [(alert, sequence) for event, alert, sequence in events(path)]
    ended = {alert for event, alert, _ in events(path) if event == "resolved"}
    assert {alert for alert, _ in ids} - ended == {name.rpartition("/")[2] for name in outcome(path).ledger}


def test_the_fixture_has_readings_between_snapshot_and_commit(killed):
    assert any(s < c for s, c in snapshot_offsets(killed).values())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE state SET value = CAST(value || ' ' AS BLOB) WHERE key LIKE 'alert/%'", "differs from what was"),
        ("DELETE FROM state WHERE key LIKE 'alert/%'", "is open but was never published"),
        (
            "INSERT INTO state VALUES (1, 'alert/device-99/feed', x'7b7d')",
            "alert/device-99/feed was published as open but is not",
        ),
    ],
)
def test_a_replay_that_does_not_give_the_ledger_stops_as_a_defect(killed, damage, words):
    change(killed, lambda connection: connection.execute(damage))
    for settings in (SETTINGS, RESUME):
        with pytest.raises(GruardError, match=words) as caught:
            Life(killed, settings=settings).live()
        assert caught.value.exit_code == 70


LOSSES: dict[str, tuple[str, str]] = {
    "a page is missing": ("DELETE FROM state WHERE key LIKE 'page/%' AND key <> 'page/time'", "pages, the state has"),
    "a page has other bytes": (
        "UPDATE state SET value = CAST(replace(value, '1', '2') AS BLOB) WHERE key GLOB 'page/[0-9]*'",
        "or other bytes in them",
    ),
    "a page too many": (
        "INSERT INTO state VALUES (0, 'page/99', x'7b7d'), (1, 'page/99', x'7b7d'), (2, 'page/99', x'7b7d')",
        "pages, the state has",
    ),
    "the marker is gone": ("DELETE FROM state WHERE key = 'marker'", "marker among the state is not the one"),
    "an older marker": (
        "UPDATE state SET value = CAST(replace(value, 'offset\":', 'offset\":1') AS BLOB) WHERE key = 'marker'",
        "marker among the state is not the one",
    ),
    "the whole state is gone": ("DELETE FROM state WHERE key NOT LIKE 'alert/%'", "marker among the state"),
    "the offsets are gone": ("DELETE FROM offsets", "the committed offset is gone"),
    "foreign metadata": ("UPDATE offsets SET metadata = 'of another tool'", "marker among the state"),
    "a hole behind the snapshot": (
        "DELETE FROM readings WHERE offset < (SELECT offset - 1 FROM offsets WHERE partition = readings.partition)",
        "readings between are gone",
    ),
    "a hole behind the commit": (
        "DELETE FROM readings WHERE offset < (SELECT offset + 9 FROM offsets WHERE partition = readings.partition)",
        "readings between are gone",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_gone_stops_it_in_one_line(killed, name):
    statement, words = LOSSES[name]
    change(killed, lambda connection: connection.execute(statement))
    before = outcome(killed)
    with pytest.raises(DataRuleError, match=words) as caught:
        Life(killed).live()
    assert caught.value.exit_code == 65
    assert "\n" not in str(caught.value)
    assert "worker.on_data_loss: resume" in str(caught.value)
    assert outcome(killed) == before


@pytest.mark.parametrize("name", LOSSES)
def test_told_to_resume_it_goes_on_and_ends_the_alerts_it_forgot(killed, name):
    open_before = {key.rpartition("/")[2] for key in outcome(killed).ledger}
    log = EmbeddedLog(killed)
    ahead = (
        sum(min(9, log.ends()[p] - c) for p, (_, c) in snapshot_offsets(killed).items())
        if "behind the commit" in name
        else 0
    )
    log.close()
    change(killed, lambda connection: connection.execute(LOSSES[name][0]))
    watcher = Life(killed, settings=RESUME).live()
    assert "lost" in watcher.results
    assert watcher.lost == ahead
    assert set(lost_ends(killed)) <= open_before
    if "hole" not in name:
        assert set(lost_ends(killed)) == open_before
    assert_goes_on_exactly(killed)


def assert_same_but_for_old_dead_letters(pruned: Path, whole: Path) -> None:
    """They go with the readings that they quote."""
    found, expected = outcome(pruned), outcome(whole)
    assert replace(found, deadletters={}) == replace(expected, deadletters={})
    assert found.deadletters != expected.deadletters
    for partition, letters in found.deadletters.items():
        assert expected.deadletters[partition][-len(letters) :] == letters


def test_readings_before_the_snapshot_are_not_missed(killed):
    whole = filled(killed.with_name("whole.db"), counting_messages(SEED, 2500))
    Life(whole).live()
    for partition, (s, _) in snapshot_offsets(killed).items():
        change(
            killed,
            lambda c, p=partition, s=s: c.execute(f"DELETE FROM readings WHERE partition = {p} AND offset < {s}"),
        )
    assert Life(killed).live().results == ["exact"] * PARTITIONS
    assert_same_but_for_old_dead_letters(killed, whole)


def test_pruning_while_it_runs_changes_no_alert(tmp_path):
    messages = counting_messages(SEED, 2500)
    whole, pruned = (filled(tmp_path / name, messages) for name in ("whole.db", "pruned.db"))
    Life(whole).live()
    life = Life(pruned, retention_s=60)
    assert life.killed("committed@1500")
    life.live()
    assert_same_but_for_old_dead_letters(pruned, whole)
    log = EmbeddedLog(pruned)
    assert all(log.log_start(partition) > 100 for partition in range(PARTITIONS))
    log.close()


def test_other_settings_after_a_stop_take_the_state_over(tmp_path):
    path = filled(tmp_path / "gruard.db", counting_messages(SEED, 1500))
    Life(path).live()
    before = outcome(path)
    watcher = Life(path, rules="other").live()
    assert watcher.results == ["migrated"] * PARTITIONS
    assert outcome(path) == before
    assert Life(path, rules="other").live().results == ["exact"] * PARTITIONS
    assert_goes_on_exactly(path, "other")


def test_other_settings_after_a_kill_are_counted_and_the_ledger_follows(killed):
    watcher = Life(killed, rules="other").live()
    assert "inexact" in watcher.results
    assert "exact" not in watcher.results
    assert_goes_on_exactly(killed, "other")


def test_other_settings_are_adopted_at_once(killed):
    """A kill right after the restore of a changed configuration must not replay old input with it again."""
    assert Life(killed, rules="other").killed("committed")
    assert "exact" in Life(killed, rules="other").live().results


def test_state_that_other_settings_cannot_read_is_reset(killed):
    open_before = {key.rpartition("/")[2] for key in outcome(killed).ledger}
    watcher = Life(killed, rules="unreadable").live()
    assert watcher.results == ["reset"] * PARTITIONS
    assert set(lost_ends(killed)) == open_before


def test_an_offset_set_by_another_tool_starts_cold_there(killed):
    open_before = {key.rpartition("/")[2] for key in outcome(killed).ledger}
    change(killed, lambda c: c.execute("UPDATE offsets SET metadata = ''"))
    watcher = Life(killed).live()
    assert watcher.results == ["cold"] * PARTITIONS
    assert set(lost_ends(killed)) == open_before
    assert_goes_on_exactly(killed)


def test_a_log_that_ends_before_the_committed_offset_stops_it(killed):
    """Somebody made the log anew, and its offsets mean other readings now."""
    change(killed, lambda c: c.execute("UPDATE partitions SET next_offset = 5 WHERE partition = 1"))
    with pytest.raises(DataRuleError, match="its log ends at offset 5, before the committed offset"):
        Life(killed).live()


def test_a_large_state_is_read_in_slices_between_polls(tmp_path, monkeypatch):
    from service.worker import restore

    path = filled(tmp_path / "gruard.db", counting_messages(SEED, 1500))
    Life(path).killed("committed@1200")
    monkeypatch.setattr(restore, "SLICE", 3)
    polls: list[int] = []

    class Counted(rig.Worker):
        def turn(self) -> None:
            polls.append(len(self._assignment.restoring))
            super().turn()

    watcher = Life(path, worker=Counted).live()
    assert watcher.results == ["exact"] * PARTITIONS
    assert polls.count(PARTITIONS) >= 3
