"""Real trainings: hpsearch's search, and what its peers take for the same number of configs.

    uv run python benchmarks/same_job.py                          # digits: five seeds
    uv run python benchmarks/same_job.py --seeds 1                # a quick look
    uv run python benchmarks/same_job.py --fashion --data DIR     # Fashion-MNIST: DIR has FashionMNIST/raw

The space is that of a file that ships with hpsearch (`cnn`, `fashion_mnist`), as it is. Every method searches it with
the same training code, the same number of configs, two workers, and one thread for each of them. hpsearch is the
installed command, with Ray and without finalists and ensemble. The peers are in benchmarks/peers, each with its
defaults:

- two processes with Optuna and a journal that they share: TPE, its default, with the median pruner and with Hyperband;
  and random search with the median pruner
- Ray Tune's ASHA with random search, a class Trainable, and actors that are used again; no logs, no checkpoints

hpsearch commits every epoch with its checkpoint, and stores what it has found; the peers save no weights.

Reported are the seconds from the start of the command to its end, the seconds from the beginning of the first epoch to
the end of the search, the epochs that were trained, and the best value: for hpsearch that of its winner, for peers that
of any epoch of any trial. Times are medians with the lowest and the highest, and the best is the mean over the seeds.
The ratios are to the fastest peer of that column. The methods take turns, and each seed begins with another one. Python
keeps its bytecode, as for an installed package.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

_PEERS = Path(__file__).resolve().parent / "peers"
_HPSEARCH = "hpsearch"
PEERS = {
    "Optuna, TPE, median": ("trained_optuna", "tpe", "median"),
    "Optuna, TPE, Hyperband": ("trained_optuna", "tpe", "hyperband"),
    "Optuna, random, median": ("trained_optuna", "random", "median"),
    "Ray Tune, ASHA": ("trained_tune", "", ""),
}
_METHODS = (_HPSEARCH, *PEERS)
_LOOK_S = 0.01
_HEADER = "| method | whole command, s | x peer | from the first epoch, s | x peer | epochs | best |"


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """One search.

    Attributes:
        whole_s: From the start of the command to its end.
        search_s: From the beginning of the first epoch to the end of the search.
        epochs: That were trained.
        best: The best value.
    """

    method: str
    seed: int
    whole_s: float
    search_s: float
    epochs: int
    best: float


def of_hpsearch(space: Path, overrides: Sequence[str], workers: int, seed: int, folder: Path) -> Took:
    """Run hpsearch's command."""
    sets = [*overrides, f"seed={seed}", "finalists=null", "ensemble=null"]
    command = [str(Path(sys.executable).with_name("hpsearch")), "run", str(space), "--name", "same"]
    command += ["--workers", str(workers), "--cpus-per-trial", "1", *(word for one in sets for word in ("--set", one))]
    first: list[float] = []
    over = threading.Event()
    watch = threading.Thread(target=_first_epoch, args=(folder / "studies/same", first, over))
    watch.start()
    began, said, ended = time.time(), [], 0.0
    with subprocess.Popen(
        command, cwd=folder, env=_environment(), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        for line in process.stderr or ():
            said.append(line)
            if line.startswith("search: ") and "best" in line:
                ended = time.time()
    whole_s = time.time() - began
    over.set()
    watch.join()
    if process.returncode or not first or not ended:
        raise SystemExit("".join(said[-20:]))
    shown = subprocess.run(
        [command[0], "show", "same", "--json"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    trials = json.loads(shown)["trials"]
    best = max(trial["value"] for trial in trials if trial["state"] == "COMPLETE" and trial["value"] is not None)
    epochs = sum(trial["epochs"] for trial in trials)
    return Took(method=_HPSEARCH, seed=seed, whole_s=whole_s, search_s=ended - first[0], epochs=epochs, best=best)


def _first_epoch(study: Path, first: list[float], over: threading.Event) -> None:
    """Note when the first epoch of a study began: before its commit, by what it took."""
    while not first and not over.wait(_LOOK_S):
        for path in study.glob("trials/*/attempt-1/manifest.json"):
            committed = path.stat().st_mtime
            measured = json.loads(path.read_text(encoding="utf-8"))["measurements"]
            first.append(committed - sum(one["seconds"] for one in measured))


def of_peer(method: str, task: Mapping[str, Any], seed: int, folder: Path) -> Took:
    """Run a peer."""
    script, sampler, pruner = PEERS[method]
    content = json.dumps({**task, "seed": seed, "sampler": sampler, "pruner": pruner, "folder": str(folder)})
    began = time.time()
    command = [sys.executable, str(_PEERS / f"{script}.py"), content]
    ended = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    whole_s = time.time() - began
    if ended.returncode:
        raise SystemExit(f"{method}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    lines = [line for path in folder.glob("epochs-*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    epochs = [json.loads(line) for line in lines]
    return Took(
        method=method,
        seed=seed,
        whole_s=whole_s,
        search_s=float((folder / "ended").read_text(encoding="utf-8")) - min(one["began"] for one in epochs),
        epochs=len(epochs),
        best=max(one["value"] for one in epochs),
    )


def _environment() -> dict[str, str]:
    """Return the variables of all methods. An installed package has its bytecode."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def task_of(space: Path, overrides: Sequence[str], workers: int) -> dict[str, Any]:
    """Return what peers are given of a space file."""
    from hpsearch.objectives.space_files import load_space_file

    config = load_space_file(space, overrides)
    return {
        "objective": config.objective.model_dump(mode="json"),
        "space": dict(config.raw["space"]),
        "metric": config.metric,
        "configs": config.search.total,
        "workers": workers,
    }


def table(took: Sequence[Took]) -> str:
    """Return the table of all searches."""
    methods = [method for method in _METHODS if any(one.method == method for one in took)]
    by = {method: [one for one in took if one.method == method] for method in methods}
    rows = [_HEADER, "| --- | --- | --- | --- | --- | --- | --- |"]
    for method, own in by.items():
        cells = [method]
        for name in ("whole_s", "search_s"):
            values = [getattr(one, name) for one in own]
            peers = [median(getattr(one, name) for one in by[peer]) for peer in methods if peer in PEERS]
            cells += [_spread(values), f"{median(values) / min(peers):.2f}" if peers else "-"]
        cells += [_spread([float(one.epochs) for one in own], 0), f"{mean(one.best for one in own):.4f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _spread(values: Sequence[float], digits: int = 1) -> str:
    middle, low, high = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--seeds", type=int, default=5, metavar="N", help="searches of each method (default: 5)")
    add("--workers", type=int, default=2, metavar="N", help="of each method (default: 2)")
    add("--methods", nargs="+", choices=_METHODS, default=[*_METHODS], metavar="NAME", help=", ".join(_METHODS))
    add("--fashion", action="store_true", help="Fashion-MNIST instead of digits")
    add("--data", type=Path, metavar="DIR", help="the folder that has FashionMNIST")
    add("--set", nargs="+", default=[], metavar="PATH=VALUE", help="other values of the space file, for all methods")
    add("--json", type=Path, metavar="FILE", help="write all figures to a file")
    options = parser.parse_args()
    if options.fashion and options.data is None:
        parser.error("--fashion: where is the data? allowed: with --data DIR")
    return options


def main() -> None:
    """Print the table."""
    from hpsearch.config.file import find_space

    options = _options()
    space = find_space("fashion_mnist" if options.fashion else "cnn")
    overrides = [*options.set, *([f"objective.data_dir={options.data.resolve()}"] if options.fashion else [])]
    task = task_of(space, overrides, options.workers)
    took: list[Took] = []
    for seed in range(options.seeds):
        first = seed % len(options.methods)
        for method in [*options.methods[first:], *options.methods[:first]]:
            with tempfile.TemporaryDirectory(prefix="same-job-") as name:
                folder = Path(name)
                if method == _HPSEARCH:
                    took.append(of_hpsearch(space, overrides, options.workers, seed, folder))
                else:
                    took.append(of_peer(method, task, seed, folder))
            print(json.dumps(asdict(took[-1])), file=sys.stderr, flush=True)
            if options.json is not None:
                options.json.write_text(json.dumps([asdict(one) for one in took], indent=1) + "\n", encoding="utf-8")
    print(table(took))


if __name__ == "__main__":
    main()
