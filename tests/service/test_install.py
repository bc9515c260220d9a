"""What the service brings along: at most twenty distributions, and never the training half or its libraries."""

import subprocess
import sys
import tomllib
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.service.cli import ROOT, environment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
AT_MOST = 20
FOREIGN = ("torch", "onnx", "onnxscript", "training", "matplotlib", "rich", "dash")


def closure(requirements: list[str]) -> set[str]:
    """Names of everything that an install of these brings in, by the markers of this interpreter."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, wanted_by = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(Requirement(text), extra) for text in distribution(name).requires or ()]
    return {name for name, _ in found}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_service_installs_at_most_twenty_distributions():
    assert len(closure(PROJECT["dependencies"])) <= AT_MOST, sorted(closure(PROJECT["dependencies"]))


def test_everything_that_is_installed_is_pinned():
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    assert closure([*PROJECT["dependencies"], *extras]) - {"setuptools"} <= pins().keys()


def test_every_pin_is_one_that_the_project_accepts():
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    for text in [*PROJECT["dependencies"], *extras]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)]), text


def test_no_pin_says_where_to_install_from():
    for file in ("constraints.txt", "Makefile", "pyproject.toml"):
        text = (ROOT / file).read_text("utf-8")
        assert "index-url" not in text
        assert "://" not in text


STEP = """
import sys
from service.__main__ import main
from service.commands import COMMANDS, load
for name in COMMANDS:
    load(name)
from service.bundle import Bundles
from service.host import engine
from service.records import Records
from service.fleet import Fleet, message
from service.settings import Settings
from itertools import islice
settings = Settings()
made = engine(settings, Bundles("models", "universal"))
made.detector.open(0)
samples = list(islice(Fleet(4, 7).readings(), 400))
keys, values = zip(*map(message, samples))
readings, outcome = made.step(Records(0, range(len(samples)), [s.arrival_ms for s in samples], keys, values))
made.detector.fold(outcome)
assert outcome.counts["stepped"] > 100, outcome.counts
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_step_of_the_demo_imports_neither_torch_nor_onnx_nor_training():
    done = subprocess.run(
        [sys.executable, "-c", STEP], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert "onnxruntime" in imported
    assert not set(FOREIGN) & set(imported)


def test_the_model_runtime_reports_to_nobody(tmp_path):
    """Its wheels leave an id of the installation in the temporary folder when their telemetry is on."""
    code = "import service.detector, onnxruntime"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment({"TMPDIR": str(tmp_path)}), check=True)
    assert list(tmp_path.iterdir()) == []
