"""The pages of the documentation as a reader sees them: fenced blocks, headings, links, words set as code.

A comment on the line before a block says how it is run: `<!-- exempt: why -->` not at all, `<!-- until: WORDS -->` each
of its lines until it has said the words and then Ctrl-C, `<!-- eventually -->` again until it succeeds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tests.service.cli import ROOT

LANGUAGES = ("sh", "yaml", "json", "text", "python", "promql")
MANNERS = ("exempt", "until", "eventually")
FENCE = re.compile(r"^```(\S*)\s*$")
MANNER = re.compile(rf"^<!-- ({'|'.join(MANNERS)})(?:: (.+))? -->$")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)")
CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    page: str
    line: int  # of its first line, from 1
    language: str
    text: str
    manner: str = ""
    detail: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def needs_docker(self) -> bool:
        return re.search(r"^\s*docker ", self.text, re.M) is not None

    @cached_property
    def commands(self) -> list[str]:
        """Its lines, those that go on after a backslash joined."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


@dataclass(frozen=True)
class Page:
    name: str  # from the root of the project

    @cached_property
    def lines(self) -> list[str]:
        return (ROOT / self.name).read_text("utf-8").splitlines()

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        began: int | None = None
        language = ""
        for number, line in enumerate(self.lines):
            if not (fence := FENCE.match(line)):
                continue
            if began is None:
                began, language = number, fence[1]
                continue
            before = MANNER.match(self.lines[began - 1]) if began else None
            manner, detail = (before[1], before[2] or "") if before else ("", "")
            text = "\n".join(self.lines[began + 1 : number]) + "\n"
            yield Block(self.name, began + 2, language, text, manner, detail)
            began = None
        assert began is None, f"{self.name}:{began}: a block that never ends"

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """Lines outside blocks, with their numbers from 1."""
        inside, out = False, []
        for number, line in enumerate(self.lines, 1):
            if FENCE.match(line):
                inside = not inside
            elif not inside:
                out.append((number, line))
        return out

    @cached_property
    def anchors(self) -> set[str]:
        return {anchor(found[1]) for _, line in self.prose if (found := HEADING.match(line))}

    @cached_property
    def links(self) -> list[tuple[int, str]]:
        return [(number, target) for number, line in self.prose for target in LINK.findall(CODE.sub("", line))]

    @cached_property
    def words(self) -> list[tuple[int, str]]:
        """What is set as code in the text."""
        return [(number, word) for number, line in self.prose for word in CODE.findall(line)]


def anchor(heading: str) -> str:
    """As GitHub makes it: lower case, without punctuation, dashes for spaces."""
    plain = LINK.sub(lambda found: found[0][1 : found[0].index("]")], heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def pages() -> list[Page]:
    """What a stranger reads, in this order; decisions are for those who change the project."""
    inner = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    first = [name for name in ("get-started.md",) if name in inner]
    return [Page("README.md"), *(Page(f"docs/{name}") for name in dict.fromkeys([*first, *inner]))]


def of_today() -> list[Page]:
    """Pages that speak of the project as it is; changes and decisions speak of what it was."""
    return [*pages(), *(Page(name) for name in ("CONTRIBUTING.md", "SECURITY.md") if (ROOT / name).exists())]


def every_page() -> list[Page]:
    decisions = [Page(f"docs/decisions/{path.name}") for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    return [*of_today(), Page("CHANGELOG.md"), *decisions]
