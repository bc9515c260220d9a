"""What the pages name that the code has: commands with options, settings, metrics, exit codes, targets of make.

Comes in: pages. Goes out: each name with its place, so that a test can ask the code for it.
"""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.pages import Page, of_today

PROGRAMS = ("gruard", "gruard-train")
CUT = re.compile(r"[|;&\n()]|#.*")
VARIABLE = re.compile(r"\bGRUARD_([A-Z]+(?:_[A-Z]+)*(?:__[A-Z_]+?[A-Z])+)\b")
METRIC = re.compile(r"\bgruard_[a-z_]+[a-z](?!\w|\*)")
EXIT = re.compile(r"\bexit(?:s with| code)? (\d+)\b")
ROW = re.compile(r"^\| (\d+) \|")  # of the table of exit codes
TARGET = re.compile(r"^make ([a-z]+)\b")
OPTION = re.compile(r"^--[a-z][a-z-]+")


class Called(NamedTuple):
    place: str
    program: str
    command: str  # "" where the program alone is named
    options: tuple[str, ...]


def texts() -> Iterator[tuple[Page, str, str]]:
    """(page, place, text) of everything that is set as code: shell blocks, and words in the prose."""
    for page in of_today():
        for block in page.blocks:
            if block.language == "sh":
                yield page, block.place, block.text.replace("\\\n", " ")
        for number, word in page.words:
            yield page, f"{page.name}:{number}", word


def calls() -> Iterator[Called]:
    for _, place, text in texts():
        for part in CUT.split(text):
            words = split(part)
            at = next((i for i, word in enumerate(words) if word.rsplit("/", 1)[-1] in PROGRAMS), None)
            if at is not None and not any(word.startswith("docker") for word in words[:at]):
                yield _called(place, words[at:])


def _called(place: str, words: list[str]) -> Called:
    program = words[0].rsplit("/", 1)[-1]
    command = next((word for word in words[1:2] if re.fullmatch("[a-z]+", word)), "")
    options = tuple(found[0] for word in words[1:] if (found := OPTION.match(word)))
    return Called(place, program, command, options)


def split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def bare_options() -> Iterator[tuple[str, str]]:
    """Options that the prose names without their command."""
    for page in of_today():
        for number, word in page.words:
            if word.startswith("--"):
                for part in word.split():
                    if found := OPTION.match(part):
                        yield f"{page.name}:{number}", found[0]


def settings(sections: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """As dotted paths, from the prose and from environment variables; a `*` at the end stays."""
    dotted = re.compile(rf"^((?:{'|'.join(sections)})\.[a-z_]+(?:\.[a-z_<>\[\]]+)*\*?)(?=$|[\s:=])")
    for _, place, text in texts():
        if found := dotted.match(text):
            yield place, found[1]
        for variable in VARIABLE.findall(text):
            yield place, variable.lower().replace("__", ".")


def metrics() -> Iterator[tuple[str, str]]:
    for page in of_today():
        for number, line in enumerate(page.lines, 1):
            for name in METRIC.findall(line):
                yield f"{page.name}:{number}", name


def exit_codes() -> Iterator[tuple[str, int]]:
    for page in of_today():
        for number, line in page.prose:
            for code in EXIT.findall(line.replace("`", "")):
                yield f"{page.name}:{number}", int(code)


def targets() -> Iterator[tuple[str, str]]:
    for _, place, text in texts():
        for line in text.splitlines():
            if found := TARGET.match(line.strip()):
                yield place, found[1]
