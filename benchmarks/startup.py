"""Time from the command to the first epoch, beside the start of Ray alone.

    uv run python benchmarks/startup.py

Seconds from the start of the process, as the median of the repeats with the lowest and the highest:

- Ray: `ray.init` with one CPU and the answer of a first actor, in a fresh process
- no-op: `hpsearch run --workers 1` with an objective that does nothing, until its first epoch is committed
- digits: the same with the built-in training of a small CNN on digits, until its first epoch begins. Driver and worker
  load torch

The last column is the time until the command ends, with one trial of one epoch. The rows take turns. The first round
does not count, for files are not in memory yet.

The second table is for reading, in seconds of CPU time, user and system: `hpsearch list` and `hpsearch show` for one
study of three trials, and a process that imports hpsearch and calls `load_study`. `--python PYTHON` measures another
environment, such as an earlier version's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cpu import cpu_s, ran

_STUDY = "startup"
_RAY = """
import os
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import time
import ray
options = {"address": "local", "num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 1024 * 1024}
ray.init(log_to_driver=False, logging_level="ERROR", **options)
class Worker:
    def ready(self):
        return True
ray.get(ray.remote(num_cpus=1)(Worker).remote().ready.remote())
print(time.time())
"""
_OBJECTIVE = """
def train(config, trial):
    for epoch in trial.epochs():
        yield {"val_accuracy": config["lr"] * epoch}
"""
_NOOP: dict[str, Any] = {"python": "objective:train", "epochs": 1}
_DIGITS: dict[str, Any] = {"use": "image_classifier", "data": "digits", "model": "small_cnn", "epochs": 1}
_LOAD = f"from hpsearch import load_study; load_study({_STUDY!r}).close()"
_SMALL = ["run", "space.yaml", "--executor", "inline", "--trials", "3"]
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")
_SHOWN = 15  # packages


def space_file(objective: Mapping[str, Any]) -> dict[str, Any]:
    """Return a space file's content: one trial of one epoch."""
    return {
        "study": _STUDY,
        "metric": "val_accuracy",
        "direction": "maximize",
        "objective": dict(objective),
        "space": {"lr": {"loguniform": [1e-4, 1e-1]}},
        "search": {"sampler": "random", "trials": 1},
        "finalists": None,
        "ensemble": None,
    }


def ray_alone(python: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds until Ray's first actor answers, and until the process has ended."""
    began = time.time()
    answered = float(_output([str(python), "-c", _RAY], folder).splitlines()[-1])
    return answered - began, time.time() - began


def study(python: Path, folder: Path, objective: Mapping[str, Any]) -> tuple[float, float]:
    """Return the seconds from the command to its first epoch, and to its end.

    Args:
        python: Of the environment with the command.
        folder: An empty one.
        objective: Of the space file. A built-in objective is timed until its first epoch begins.
    """
    prepare(folder, objective)
    began = time.time()
    _output([str(command_of(python)), "run", "space.yaml", "--workers", "1"], folder)
    ended = time.time()
    (manifest,) = (folder / "studies" / _STUDY / "trials").glob("*/attempt-*/manifest.json")
    (first,) = json.loads(manifest.read_text(encoding="utf-8"))["measurements"]
    trained_s = first["seconds"] if "use" in objective else 0.0
    return manifest.stat().st_mtime - trained_s - began, ended - began


def command_of(python: Path) -> Path:
    """Return the command that is installed beside a Python."""
    return python.with_name("hpsearch")


def prepare(folder: Path, objective: Mapping[str, Any]) -> None:
    """Write the files that the command reads."""
    (folder / "objective.py").write_text(_OBJECTIVE, encoding="utf-8")
    (folder / "space.yaml").write_text(json.dumps(space_file(objective)), encoding="utf-8")  # JSON is YAML


STARTS: dict[str, Callable[[Path, Path], tuple[float, float]]] = {
    "Ray": ray_alone,
    "no-op": lambda python, folder: study(python, folder, _NOOP),
    "digits": lambda python, folder: study(python, folder, _DIGITS),
}


def print_starts(python: Path, names: Sequence[str], rounds: int, *, warm: bool) -> None:
    """Print the first table.

    Args:
        python: Of the environment with the command.
        names: Of `STARTS`.
        rounds: Starts of each.
        warm: Whether to leave out the first round.
    """
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, times in took.items():
            with tempfile.TemporaryDirectory(prefix="startup-") as folder:
                times.append(STARTS[name](python, Path(folder)))
    print("| what starts | to the first epoch, s | to the end, s |\n| --- | --- | --- |")
    for name, times in took.items():
        firsts, ends = zip(*(times[1:] if warm else times), strict=True)
        print(f"| {name} | {_shown([*firsts])} | {_shown([*ends])} |")


def print_reading(python: Path, rounds: int, *, warm: bool) -> None:
    """Print the second table.

    Args:
        python: Of the environment with the command.
        rounds: Calls of each command.
        warm: Whether to leave out the first round.
    """
    hpsearch = command_of(python)
    commands = {
        "list": [hpsearch, "list"],
        "show": [hpsearch, "show", _STUDY],
        "load_study": [python, "-c", _LOAD],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        prepare(Path(name), _NOOP)
        ran([hpsearch, *_SMALL], Path(name))
        for _ in range(rounds):
            for command, times in took.items():
                times.append(cpu_s(commands[command], Path(name)))
    print("\n| what reads | CPU time, s |\n| --- | --- |")
    for command, times in took.items():
        print(f"| {command} | {_shown(times[1:] if warm else times, 2)} |")


def _output(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return a command's output, with its standard error if it has other variables.

    Raises:
        SystemExit: The command failed; with its error.
    """
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    ended = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    return ended.stdout + ended.stderr if environment else ended.stdout


def imports(python: Path, objective: Mapping[str, Any]) -> Counter[str]:
    """Return the driver's microseconds for the import of each package, from `python -X importtime`."""
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        prepare(Path(name), objective)
        command = [str(python), "-X", "importtime", str(command_of(python)), "run", "space.yaml", "--workers", "1"]
        said = _output(command, Path(name), {"PYTHONUNBUFFERED": "1"})
    spent: Counter[str] = Counter()
    for line in said.splitlines():
        if found := _IMPORT.match(line):
            spent[found[2].split(".")[0]] += int(found[1])
    return spent


def print_imports(python: Path) -> None:
    """Print the cost of the driver's imports, by package."""
    print("\n| driver of | package | import, ms |\n| --- | --- | --- |")
    for name, objective in (("no-op", _NOOP), ("digits", _DIGITS)):
        spent = imports(python, objective)
        for package, microseconds in [("all", spent.total()), *spent.most_common(_SHOWN)]:
            print(f"| {name} | {package} | {microseconds / 1000:.0f} |", flush=True)


def _shown(values: Sequence[float], digits: int = 1) -> str:
    middle, low, high = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--repeats", type=_positive, default=5, metavar="N", help="that count (default: 5)")
    add("--starts", nargs="+", choices=STARTS, default=[*STARTS], metavar="NAME", help="Ray, no-op, digits (all)")
    here = Path(sys.executable)
    add("--python", type=Path, default=here, metavar="PYTHON", help="whose command is measured (default: this one)")
    add("--no-reading", action="store_true", help="leave out the second table")
    add("--no-starts", action="store_true", help="leave out the first table")
    add("--imports", action="store_true", help="also say what the driver's imports cost, by package")
    add("--quick", action="store_true", help="one round, and that counts")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.repeats + 1
    if not options.no_starts:
        print_starts(options.python, options.starts, rounds, warm=not options.quick)
    if not options.no_reading:
        print_reading(options.python, rounds, warm=not options.quick)
    if options.imports:
        print_imports(options.python)


if __name__ == "__main__":
    main()
