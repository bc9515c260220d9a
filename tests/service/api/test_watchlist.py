"""Never more than may be recorded; and nobody makes room for one of less interest."""

from hypothesis import given
from hypothesis import strategies as st

from service.api.watchlist import Watchlist

DEVICES = st.sampled_from([f"d{i}" for i in range(9)])
DEEDS = st.lists(st.tuples(st.sampled_from(["see", "ask", "alert", "calm", "forget"]), DEVICES), max_size=60)


class Oracle:
    """What is to be recorded, from the whole history of deeds: tier by tier."""

    def __init__(self, most):
        self.most = most
        self.tiers = {"alert": [], "ask": [], "see": []}

    @property
    def all(self):
        return [device for tier in ("alert", "ask", "see") for device in self.tiers[tier]]

    def tier_of(self, device):
        return next((name for name, tier in self.tiers.items() if device in tier), None)

    def put(self, device, name):
        for tier in self.tiers.values():
            if device in tier:
                tier.remove(device)
        self.tiers[name].append(device)

    def do(self, deed, device):
        known = self.tier_of(device)
        if deed == "forget":
            if known:
                self.tiers[known].remove(device)
        elif deed == "calm":
            if known == "alert":
                self.put(device, "ask")
        elif deed == "see":
            if not known and len(self.all) < self.most:
                self.put(device, "see")
        elif not (deed == "ask" and known == "alert"):
            if not known and len(self.all) >= self.most:
                if self.tiers["see"]:
                    self.tiers["see"].pop()
                elif self.tiers["ask"]:
                    self.tiers["ask"].pop(0)
                else:
                    return
            self.put(device, deed)


@given(st.integers(0, 5), DEEDS)
def test_the_list_is_bounded_and_those_of_most_interest_stay(most, deeds):
    watchlist, oracle = Watchlist(most), Oracle(most)
    for deed, device in deeds:
        before = set(watchlist.watched)
        gone = getattr(watchlist, deed)(device)
        oracle.do(deed, device)
        assert set(watchlist.watched) == set(oracle.all)
        assert len(watchlist.watched) <= most
        lost = before - watchlist.watched.keys() - {device}
        assert lost == ({gone} if gone is not None else set())
