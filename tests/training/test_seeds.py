"""Limit seeds: whole blocks, every device alike, the quantiles of all of them, incidents cut down to size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.machines import fitted
from training import seeds
from training.calibrate import BLOCK


@given(rows=st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_blocks_are_whole_and_end_with_the_history(rows: int) -> None:
    strength = np.arange(rows, dtype=np.float32)
    found = seeds.block_maxima(strength)
    assert len(found) == rows // BLOCK
    np.testing.assert_array_equal(found, np.arange(rows - 1, -1, -BLOCK)[: len(found)][::-1])


@given(devices=st.integers(1, 30), blocks=st.integers(40, 120), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_seeds_of_like_devices_have_the_quantiles_of_all_their_blocks(devices: int, blocks: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(1, 2, (devices, blocks)).astype(np.float32)
    found = np.sort(seeds.representative(list(values)))
    assert len(found) == min(devices * blocks, seeds.MOST)
    for share in (0.1, 0.5, 0.9):
        rank = int(np.ceil((len(found) + 1) * share)) - 1
        assert found[rank] == pytest.approx(np.quantile(values, share), rel=0.15)


def test_one_device_keeps_its_own_blocks() -> None:
    own = np.random.default_rng(0).uniform(1, 2, 100).astype(np.float32)
    np.testing.assert_allclose(seeds.representative([own]), own, rtol=1e-5)


def test_a_few_loud_devices_do_not_set_the_limit_of_all() -> None:
    random = np.random.default_rng(0)
    quiet = [random.uniform(1, 2, 30).astype(np.float32) for _ in range(18)]
    loud = [random.uniform(10, 20, 500).astype(np.float32) for _ in range(2)]
    assert max(seeds.representative(quiet + loud)) < 3
    assert min(seeds.representative(loud)) > 5


def test_seeds_keep_their_order_in_time() -> None:
    ramp = np.linspace(1, 2, 150).astype(np.float32)
    assert list(seeds.representative([ramp])) == sorted(seeds.representative([ramp]))
    assert seeds.representative([ramp[::-1]]) == seeds.representative([ramp])[::-1]


def test_one_incident_in_the_history_does_not_set_the_limit() -> None:
    calm = np.random.default_rng(0).gumbel(5, 0.5, (4, 40)).astype(np.float32)
    struck = calm.copy()
    struck[2, 30:] = 1e4
    assert max(seeds.representative(list(calm))) == pytest.approx(calm.max(), rel=0.2)
    assert calm.max() < max(seeds.representative(list(struck))) < 3 * calm.max()


def test_seeds_of_a_fitted_bundle_cover_every_strength() -> None:
    manifest = fitted().manifest
    assert set(manifest.limit_seeds) == set(manifest.strengths)
    assert all(0 < len(found) <= seeds.MOST for found in manifest.limit_seeds.values())
    assert manifest.trained["limits_from"] == "hold-out"
