"""How long to wait before the next try: doubling, with jitter, up to a limit, and never less than was asked for."""

import random


class Backoff:
    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._random = random.Random()
        self._refused = 0

    def renew(self) -> None:
        self._refused = 0

    def next_s(self, asked_s: float = 0.0) -> float:
        longest = min(self._most_s, self._first_s * 2.0 ** min(self._refused, 32))
        self._refused += 1
        return max(asked_s, longest * self._random.uniform(0.5, 1.0))
