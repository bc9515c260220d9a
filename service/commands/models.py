"""`gruard models`: every bundle found, its digest, what its card says first, and the verdict of the checks."""

import argparse
import sys
from pathlib import Path

from service.bundle import find, verdict
from service.errors import BundleError
from service.sources import load


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, metavar="DIR", help="models.path")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config, {("models", "path"): arguments.path}).settings
    path = settings.models.path
    found = [(name, version) for name, versions in find(path).items() for version in versions]
    if not found:
        raise BundleError(f"models.path: no bundle in {path}; `make models` trains the shipped ones")
    bad = 0
    for name, version in found:
        said = verdict(path / name / version)
        bad += not said.startswith("ok: ")
        print(f"{name}@{version}: {said}")
        if summary := card_summary(path / name / version / "card.md"):
            print(f"  {summary}")
    sys.stdout.flush()
    if bad:
        raise BundleError(f"{bad} of {len(found)} bundles in {path} fail their checks; they are listed above")


def card_summary(card: Path) -> str:
    """What a model card says it is for, or else its first plain sentence: no heading, picture or table."""
    try:
        text = card.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    body = text.split("\n---\n", 1)[1] if text.startswith("---\n") and "\n---\n" in text else text
    _, _, use = body.partition("## Intended use\n")
    paragraphs = (" ".join(part.split()) for part in (use or body).split("\n\n"))
    plain = next((part for part in paragraphs if part and part[0] not in "#!|<-*`>"), "")
    return plain.split(". ")[0].removesuffix(".")
