"""Dash components as a tree to look through."""

from collections.abc import Iterator
from typing import Any


def walk(node: Any) -> Iterator[Any]:
    """Every component, itself first."""
    if isinstance(node, list | tuple):
        for each in node:
            yield from walk(each)
    elif hasattr(node, "to_plotly_json"):
        yield node
        yield from walk(getattr(node, "children", None))


def kinds(node: Any) -> set[str]:
    return {component._type for component in walk(node)}


def texts(node: Any) -> list[str]:
    if isinstance(node, list | tuple):
        return [text for each in node for text in texts(each)]
    if hasattr(node, "to_plotly_json"):
        return texts(getattr(node, "children", None))
    return [] if node is None else [str(node)]
