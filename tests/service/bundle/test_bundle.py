"""A bundle that is damaged in any way ends in one line that names the file, and in exit code 78."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import bundle as room
from service.bundle import Bundles, find, load, verdict
from service.errors import BundleError
from tests.service.bundles import Draft, refusal


def test_a_sound_bundle_loads_with_the_very_bytes_on_disk(tmp_path: Path) -> None:
    folder = Draft().write(tmp_path)
    bundle = load(folder)
    assert bundle.graph == (folder / "model.onnx").read_bytes()
    assert (bundle.name, bundle.version) == ("toy", "1")
    assert verdict(folder).startswith("ok: last-value, 2 sensors, every 5 s, 2 strengths")


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_flipped_bit_is_told_by_the_digest(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "toy" / "1"
    if not folder.exists():
        Draft().write(tmp_path)
    sound = (folder / "model.onnx").read_bytes()
    bit = data.draw(st.integers(0, len(sound) * 8 - 1))
    flipped = bytearray(sound)
    flipped[bit // 8] ^= 1 << bit % 8
    (folder / "model.onnx").write_bytes(flipped)
    assert "sha256" in refusal(folder)
    (folder / "model.onnx").write_bytes(sound)


def test_a_wrong_digest_is_named_with_both_values(tmp_path: Path) -> None:
    line = refusal(Draft().write(tmp_path, digest="ab" * 32))
    assert "expected abababababab" in line


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": NaN}', "\x00", "[" * 100_000])
def test_a_manifest_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    folder = Draft().write(tmp_path)
    (folder / "manifest.json").write_text(text)
    assert "manifest.json" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path, name: str) -> None:
    folder = Draft().write(tmp_path)
    (folder / name).unlink()
    assert "No such file" in refusal(folder)
    (folder / name).mkdir()
    assert name in refusal(folder)
    (folder / name).rmdir()
    os.mkfifo(folder / name)
    assert "not a plain file" in refusal(folder)


@pytest.mark.parametrize(("name", "cap"), [("model.onnx", room.GRAPH_CAP), ("manifest.json", room.MANIFEST_CAP)])
def test_an_oversized_file_is_refused_before_it_is_read(tmp_path: Path, name: str, cap: int) -> None:
    folder = Draft().write(tmp_path)
    os.truncate(folder / name, cap + 1)  # sparse: costs no disk
    line = refusal(folder)
    assert f"{cap + 1:,} bytes long, expected at most {cap:,}" in line


def test_versions_are_found_oldest_first_and_numbers_compare_as_numbers(tmp_path: Path) -> None:
    for version in ["10", "9", "1.2", "1.10"]:
        Draft(version=version).write(tmp_path)
    (tmp_path / "toy" / "unfinished").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert find(tmp_path) == {"toy": ["1.2", "1.10", "9", "10"]}


def test_a_name_means_its_newest_version_and_an_older_one_can_be_pinned(tmp_path: Path) -> None:
    Draft(version="1").write(tmp_path)
    Draft(version="2").write(tmp_path)
    Draft(name="other").write(tmp_path)
    bundles = Bundles(tmp_path, "other", pinned=["toy@1", "pump"])
    assert [(b.name, b.version) for b in bundles.all()] == [("other", "1"), ("toy", "1"), ("toy", "2")]
    newest, pinned = bundles.get("toy"), bundles.get("toy@1")
    assert newest is not None
    assert pinned is not None
    assert (newest.version, pinned.version, bundles.default.name) == ("2", "1", "other")
    assert bundles.get("pump") is None
    assert bundles.get("../other/1") is None


def test_no_bundle_an_absent_default_and_a_misplaced_one_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"models.path: no bundle in .*make models"):
        Bundles(tmp_path / "none", "universal")
    folder = Draft().write(tmp_path)
    with pytest.raises(BundleError, match=r"no bundle 'universal' in .*, it has toy@1"):
        Bundles(tmp_path, "universal")
    with pytest.raises(BundleError, match=r"no bundle 'toy@7' in"):
        Bundles(tmp_path, "toy", pinned=["toy@7"])
    folder.rename(folder.parent / "3")
    with pytest.raises(BundleError, match=r"says it is toy@1, expected toy@3"):
        Bundles(tmp_path, "toy")


PROBE = """
import sys
import numpy as np
from service.bundle import assert_denormals_flushed, load
from service.bundle.inference import denormals_flushed
assert "onnxruntime" not in sys.modules and not denormals_flushed()
load({folder!r})
assert_denormals_flushed()
import threading
found = []
thread = threading.Thread(target=lambda: found.append(denormals_flushed()))
thread.start(); thread.join()
assert found == [True]
print(sorted(set(sys.modules) & {{"torch", "onnx", "training"}}))
"""


def test_the_first_session_flushes_denormals_and_loading_imports_neither_torch_nor_onnx(tmp_path: Path) -> None:
    script = PROBE.format(folder=str(Draft().write(tmp_path)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_thread_that_does_not_flush_denormals_is_told_so() -> None:
    script = "from service.bundle import assert_denormals_flushed as check\ncheck()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "GruardError: denormals are not flushed on this thread" in done.stderr
