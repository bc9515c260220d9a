"""The directory of devices against a dict."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.detector.directory import Directory

NAMES = st.sampled_from([f"d{n}" for n in range(40)])


class Shelf:
    """A directory whose codes are positions in a list of ids."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.directory = Directory(lambda codes: [self.ids[code] for code in codes.tolist()])

    def add(self, names: list[str]) -> dict[str, int]:
        codes = {name: len(self.ids) + n for n, name in enumerate(dict.fromkeys(names))}
        self.ids += list(codes)
        self.directory.update(codes)
        return codes


@given(st.lists(st.tuples(st.booleans(), st.lists(NAMES, max_size=20)), max_size=20))
def test_it_knows_what_a_dict_would_know(steps: list[tuple[bool, list[str]]]) -> None:
    shelf, oracle = Shelf(), {}
    for adds, names in steps:
        if adds:
            oracle.update(shelf.add(names))
        for name in names if not adds else []:
            oracle.pop(name, None)
            shelf.directory.remove(name)
        everybody = [f"d{n}" for n in range(40)]
        assert shelf.directory.find(everybody).tolist() == [oracle.get(name, -1) for name in everybody]
        assert len(shelf.directory) == len(oracle)


def test_ids_of_one_hash_are_told_apart() -> None:
    class Clashing(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 7

    shelf = Shelf()
    names = [Clashing(f"x{n}") for n in range(5)]
    codes = shelf.add(list(names))
    assert shelf.directory.find(names).tolist() == [codes[name] for name in names]
    shelf.directory.remove(names[0])
    assert shelf.directory.find(names).tolist() == [-1, *[codes[name] for name in names[1:]]]


def test_a_hundred_thousand_ids_are_found_in_any_order() -> None:
    shelf = Shelf()
    names = [f"device-{n}" for n in range(100_000)]
    for first in range(0, len(names), 7_000):
        shelf.add(names[first : first + 7_000])
    order = np.random.default_rng(0).permutation(len(names))
    assert shelf.directory.find([names[at] for at in order.tolist()]).tolist() == order.tolist()
