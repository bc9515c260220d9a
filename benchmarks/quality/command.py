"""`python -m benchmarks quality {nab,skab,smd,asd} --data DIR --output OUT`: files and figures of one public set.

Every series is fitted on what may be learnt from it and judged by the live detector, as are the detectors beside it.
"""

import argparse
import importlib.util
import json
import math
import multiprocessing
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.quality import product, run, summary
from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.run import PRODUCT, SHIPPED, SHIPPED_BUDGET, WITHOUT_NETWORK, Job, Plan, Told
from benchmarks.quality.series import SETS, Series, series_of
from benchmarks.quality.summary import Case, Figures, labels
from benchmarks.quality.table import table
from service.detector.limits import MAXIMUM_K
from service.errors import UnavailableError, UsageError
from service.settings import Settings
from service.version import version
from training.settings import Settings as TrainingSettings

BUDGET = 8.0  # false alarms per 10,000 readings
CUTS, MOST_CUT, CUT_SEED = 3, 150, 0  # draws of how many rows less each test part of SKAB gets
HEALTHY = "anomaly-free"  # group of what has no labels because nothing is wrong in it
LIBRARIES = ("numpy", "polars", "onnxruntime", "torch", "scikit-learn")


def configure(command: argparse.ArgumentParser) -> None:
    command.add_argument("set", choices=tuple(SETS))
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the set, labels optional")
    command.add_argument("--output", type=Path, required=True, metavar="OUT", help="folder for files and summary.json")
    command.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="series at a time; default: 1")
    command.add_argument("--zero-shot", action="store_true", help="the universal bundle, nothing is fitted")
    command.add_argument(
        "--budget", type=_budget, default=BUDGET, metavar="K", help=f"false alarms per 10,000 readings; {BUDGET:g}"
    )
    command.add_argument("--seeds", type=_seeds, default=(0,), metavar="A,B", help="of training; default: 0")
    command.add_argument("--no-baselines", action="store_true", help="the product alone")
    command.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="for --zero-shot; models")


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes, 1 or more")
    return int(text)


def _budget(text: str) -> float:
    try:
        budget = float(text)
    except ValueError:
        budget = 0.0
    if not 0 < budget < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return budget


def _seeds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers such as 0,1,2")
    return tuple(dict.fromkeys(map(int, parts)))


def run_command(chosen: argparse.Namespace) -> int:
    """Blocks for minutes to hours. Raises GruardError."""
    if chosen.zero_shot and len(chosen.seeds) > 1:
        raise UsageError("--seeds are of training, and --zero-shot trains nothing: leave one of them out")
    found = series_of(chosen.set, chosen.data)
    plan = Plan(
        chosen.budget, chosen.seeds, chosen.models if chosen.zero_shot else None,
        () if chosen.no_baselines else _baselines(), chosen.output,
    )  # fmt: skip
    if plan.budget > MAXIMUM_K:
        print(f"--budget {plan.budget:g}: limits hold {MAXIMUM_K:g} false alarms per 10,000 readings at most")
    _folder(chosen.output)
    jobs = _planned(chosen.set, found, plan)
    provenance = _provenance()  # before hours in which somebody may commit
    made = _Made(chosen.set, plan, tuple(jobs), tuple(_told(jobs, chosen.jobs)))
    text = json.dumps(summary.plain({"set": chosen.set, "made": provenance, **made.summary(chosen)}), indent=1)
    (chosen.output / "summary.json").write_text(text + "\n", encoding="utf-8")
    print(table(chosen.set, made.detectors()))
    return 0


def _baselines() -> tuple[str, ...]:
    names = [each.name for each in BASELINES]
    if importlib.util.find_spec("sklearn") is None:
        print("isolation forest is left out: it needs the extra `benchmarks` (pip install 'gruard[benchmarks]')")
        names.remove("isolation forest")
    return (WITHOUT_NETWORK, *names)


def _folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"--output {output}: can't be made a folder ({error.strerror})") from None


def _planned(name: str, found: Sequence[Series], plan: Plan) -> list[Job]:
    draws = np.random.default_rng(CUT_SEED).integers(0, MOST_CUT, (len(found), CUTS)).tolist()
    jobs = [
        Job(each, plan, _cuts(each, rows) if name == "skab" else ()) for each, rows in zip(found, draws, strict=True)
    ]
    return [*jobs, *(Job(each, plan, written=False) for each in _healthy(found[0]))]


def _cuts(series: Series, rows: list[int]) -> tuple[int, ...]:
    most = len(series.time_ms) - series.history - 1
    return tuple(min(each, most) for each in rows) if labels(series) is not None and most >= 0 else ()


def _healthy(series: Series) -> Iterator[Series]:
    """What is known to be healthy, as series of their own: every alarm there is false."""
    for number, (times, values) in enumerate(series.healthy):
        none = np.zeros(len(times), np.bool_)
        yield replace(
            series, group=HEALTHY, name=f"{HEALTHY}-{number}", times=tuple(map(str, times.tolist())), time_ms=times,
            values=values, healthy=(), anomaly=none, changepoint=none,
        )  # fmt: skip


def _told(jobs: Sequence[Job], processes: int) -> list[Told]:
    """Of each job, in order; raises what the first that fails raises, and starts no other."""
    columns = (
        TextColumn("series"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[done]}"),
    )
    with (
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress,
        _one_thread_each(),
        ProcessPoolExecutor(min(processes, len(jobs)), multiprocessing.get_context("spawn")) as pool,
    ):
        task = progress.add_task("", total=len(jobs), done="")
        waiting: dict[Future[Told], int] = {pool.submit(run.run, job): n for n, job in enumerate(jobs)}
        told: dict[int, Told] = {}
        try:
            for future in as_completed(waiting):
                n = waiting[future]
                told[n] = future.result()
                progress.update(task, advance=1, done=f"{jobs[n].series.group}/{jobs[n].series.name}")
        except BrokenProcessPool:
            raise UnavailableError(
                "a process of --jobs was killed, by the system if memory ran out: try fewer"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
    return [told[n] for n in range(len(jobs))]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries read it when a process loads them, so before any code of ours could tell them."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


@dataclass(frozen=True)
class _Made:
    """Jobs and what came of them."""

    name: str
    plan: Plan
    jobs: tuple[Job, ...]
    told: tuple[Told, ...]

    def summary(self, chosen: argparse.Namespace) -> Figures:
        found: Figures = {
            "settings": self._settings(chosen),
            "series": [_described(job.series) for job in self.jobs if job.written],
            "detectors": self.detectors(),
        }
        if any(not job.written for job in self.jobs):
            found["false_alarms_on_healthy_files"] = self.on_healthy_files()
        return found

    def detectors(self) -> dict[str, Figures]:
        """Figures of each; without labels there are none."""
        measured = [n for n, job in enumerate(self.jobs) if job.written and labels(job.series) is not None]
        return self._each(measured, self._figures) if measured else {}

    def on_healthy_files(self) -> dict[str, Figures]:
        healthy = [n for n, job in enumerate(self.jobs) if not job.written]
        return self._each(healthy, lambda _, cases, __: summary.false_alarms(cases))

    def _each(self, at: Sequence[int], figures: Callable[[str, Sequence[Case], int], Figures]) -> dict[str, Figures]:
        found = {}
        for detector in self.told[0].detectors:
            places = range(len(self.told[0].detectors[detector]))
            of_seeds = {self.plan.seeds[p]: figures(detector, self._cases(detector, p, at), p) for p in places}
            found[detector] = summary.over_seeds(of_seeds)
        return found

    def _figures(self, detector: str, cases: Sequence[Case], place: int) -> Figures:
        found = summary.figures(self.name, cases, ranked=detector != SHIPPED)
        cut = [(told.cut[place], job.cuts) for job, told in zip(self.jobs, self.told, strict=True) if job.cuts]
        if detector == PRODUCT and cut and len(cut) == len(cases):
            found["change_of_f1_when_cut"] = summary.change_when_cut(cases, *zip(*cut, strict=True))
        return found

    def _cases(self, detector: str, place: int, at: Sequence[int]) -> list[Case]:
        cases = []
        for n in at:
            series = self.jobs[n].series
            per_day = SHIPPED_BUDGET if detector == SHIPPED else product.per_day(self.plan.budget, series.period_s)
            told = self.told[n].detectors[detector][place]
            cases.append(Case(series, told, run.readings_budget(per_day, series)))
        return cases

    def _settings(self, chosen: argparse.Namespace) -> Figures:
        settings = Settings()
        return {
            "data": str(chosen.data),
            "budget_per_10_000": self.plan.budget,
            "shipped_budget_per_device_day": SHIPPED_BUDGET,
            "seeds": self.plan.seeds,
            "zero_shot": chosen.zero_shot,
            "cut": {"draws": CUTS, "fewer_rows_than": MOST_CUT, "seed": CUT_SEED} if self.name == "skab" else None,
            "training": None if chosen.zero_shot else TrainingSettings().model_dump(exclude={"seed"}),
            "detector": settings.detector.model_dump(exclude={"false_alarms_per_device_day"}),
            "alerts": settings.alerts.model_dump(),
        }


def _described(series: Series) -> Figures:
    return {
        "group": series.group,
        "name": series.name,
        "rows": len(series.time_ms),
        "history": series.history,
        "first_row_shown": series.shown,
        "sensors": len(series.sensors),
        "period_s": series.period_s,
        "labels": labels(series) is not None,
    }


def _provenance() -> Figures:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": _revision(),
        "gruard": version(),
        "python": platform.python_version(),
        **{name: _installed(name) for name in LIBRARIES},
    }


def _revision() -> str | None:
    """Of this code, where it lies in a repository; with `-dirty` where it differs from what is committed."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _installed(name: str) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None
