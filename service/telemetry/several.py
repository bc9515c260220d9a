"""One observer that is several: each hears everything, in the order given."""

from collections.abc import Callable
from typing import Any, cast

from service.worker.observer import Observer


class _Several:
    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers

    def __getattr__(self, name: str) -> Callable[..., None]:
        each = [getattr(observer, name) for observer in self._observers]

        def tell(*args: Any) -> None:
            for method in each:
                method(*args)

        setattr(self, name, tell)  # looked up once
        return tell


def several(*observers: Observer) -> Observer:
    return cast(Observer, _Several(observers))
