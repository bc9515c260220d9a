"""What each command of `gruard-train` does, told in lines on standard output."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

from service import bundle
from service.commands import inputs
from service.errors import ConfigurationError, InputError, UsageError
from service.manifest import Manifest
from training import bundles, datasets, evaluate, events, export, progress, recipe, report, shipped
from training.bundles import Fitted
from training.datasets import Dataset
from training.settings import Settings, load


def fit(arguments: argparse.Namespace) -> int:
    settings = load(
        arguments.config,
        cell=arguments.cell,
        units=arguments.units,
        epochs=arguments.epochs,
        seed=arguments.seed,
        device=arguments.accelerator,
    )
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--cuda: this machine or this torch has no CUDA device; leave the flag out")
    data = datasets.from_files(arguments.inputs, inputs.options(arguments))
    _describe(data)
    spec = recipe.Spec(_name(arguments.name), arguments.output, arguments.version, settings, arguments.runs)
    _show(_fit(data, spec))
    return 0


def _describe(data: Dataset) -> None:
    for line in data.described:
        print(line)
    clock = f"{data.span_days:.1f} days" if data.times_known else "no time column, so no time of day"
    print(
        f"history: {data.rows} readings of {len(data.histories)} devices, {clock}, a reading every {data.period_s:g} s"
    )


def _fit(data: Dataset, spec: recipe.Spec) -> Path:
    with progress.epochs(spec.name, spec.settings.epochs) as tell:
        return recipe.fit_histories(data, spec, tell)


def _name(text: str) -> str:
    if not bundles.NAME.fullmatch(text):
        raise UsageError(f"--name {text!r}: use up to 64 letters, digits, dots, dashes and underscores")
    return text


def _show(folder: Path) -> None:
    manifest = bundle.load(folder).manifest
    print(f"{folder}: {_sentence(manifest)}")


def _sentence(manifest: Manifest) -> str:
    found, scored = manifest.metrics, sum(sensor.scored for sensor in manifest.sensors)
    if manifest.universal:
        return f"{manifest.cell}, any sensors"
    return (
        f"{manifest.cell}, {manifest.units} units, {scored} of {len(manifest.sensors)} sensors scored, forecast error "
        f"{found['error_model']:.3f} level spreads, last value {found['error_last_value']:.3f}, "
        f"best moving average {found['error_ewma']:.3f}"
    )


def evaluate_bundle(arguments: argparse.Namespace) -> int:
    found = bundle.load(arguments.bundle)
    if found.manifest.universal:
        raise UsageError(
            f"{arguments.bundle}: forecasts the last value, there is nothing to judge; give a class bundle"
        )
    names = tuple(sensor.name for sensor in found.manifest.sensors)
    options = replace(inputs.options(arguments), sensors=inputs.options(arguments).sensors or names)
    data = datasets.from_files(arguments.inputs, options)
    errors = evaluate.of_bundle(found, datasets.in_order_of(data, names))
    lines = evaluate.table(errors, found.manifest.sensors)
    if arguments.label:
        lines += events.judge(found.folder, arguments.inputs, options, arguments.label).lines()
    print("\n".join(lines))
    return 0


def export_run(arguments: argparse.Namespace) -> int:
    step, manifest, evidence = bundles.read_run(arguments.run_folder)
    graph = export.graph(step)
    changed = {"sha256": sha256(graph).hexdigest(), "version": arguments.version or manifest.version}
    fitted = Fitted(step, graph, manifest.model_copy(update=changed), evidence)
    _show(bundles.write(fitted, arguments.output))
    return 0


def report_run(arguments: argparse.Namespace) -> int:
    _, manifest, evidence = bundles.read_run(arguments.run_folder)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        report.write(manifest, evidence, arguments.output)
    except OSError as error:
        raise InputError(f"--output {arguments.output}: can't be written ({error.strerror})") from None
    print(f"{arguments.output / 'card.md'}: {_sentence(manifest)}")
    return 0


def make_shipped(arguments: argparse.Namespace) -> int:
    for name in shipped.chosen(arguments.only):
        print(f"{name}: simulating and fitting", file=sys.stderr)
        _show(shipped.make(name, arguments.output, _fit))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fit": fit,
    "evaluate": evaluate_bundle,
    "export": export_run,
    "report": report_run,
    "shipped": make_shipped,
}

__all__ = ["COMMANDS", "Settings"]
