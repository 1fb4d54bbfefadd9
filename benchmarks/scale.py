"""The cost of a large study for its driver, with simulated workers.

    uv run python benchmarks/scale.py

Trials have 20 epochs, and configs four parameters. Everything but the workers is as in `hpsearch run`: proposals, the
store on SQLite, the lock, and the lines that a log gets.

The first table is for studies with two workers whose trials end at once, so that all time is the driver's: wall time
and CPU time for each trial, over the last tenth of the trials before that size (at 100 the last half), the driver's
resident memory, and the size of the database. The last column is the wall time relative to the first size. All sizes
are of one study, which may still have 10,000 trials after the last size.

The second is for copies of these studies at each size. It has CPU time, user and system: of `load_study` in a fresh
process with all trials, without the imports, and of the installed command from its start to its end, with the imports.
`resume` trains two more trials inline. `--keep` keeps the copies for another run. `--tables reading --python PYTHON`
reads them with the command of another environment, such as an earlier version's.

The third is for 64 workers with epochs of 1 s, more or less by a fifth, on one driver in real time: the share of time
in which workers have a trial, the driver's share of a core, and a worker's wait from the end of a trial to the next
one. A real worker also waits for Ray's answer (overhead.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpu import cpu_s, ran

_SIMULATED = Path(__file__).resolve().parent / "simulated"
_SAMPLERS = ("random", "jittered_grid", "sobol")  # the pure functions
_TABLES = ("costs", "reading", "busy")
_SIZES = (100, 1_000, 10_000, 30_000, 100_000)
_STORED = 10_000  # trials before the second busy driver starts
_MORE = 2  # trials that a resume trains
_OPEN = """
import sys, time
from hpsearch import load_study
began = time.process_time()
study = load_study(sys.argv[1])
study.store.reload()  # all trials
study.close()
print(time.process_time() - began)
"""


def output(command: Sequence[str | Path], folder: Path = _SIMULATED) -> str:
    """Return a command's output.

    Raises:
        SystemExit: The command failed; with its error.
    """
    ended = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    return ended.stdout


def grown(folder: Path, sampler: str, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Grow a study, and return its costs at each size; copies of the study stay in the folder."""
    found: list[dict[str, Any]] = json.loads(output([sys.executable, "grow.py", folder, sampler, *map(str, sizes)]))
    return found


def reading(study: Path, trials: int, python: Path) -> tuple[float, float, float]:
    """Return the CPU seconds for opening a study, showing it and resuming it.

    Args:
        study: Its folder, which stays unchanged.
        trials: In the study.
        python: Of the environment with the command.
    """
    hpsearch = python.with_name("hpsearch")
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        copy = Path(shutil.copytree(study, Path(name) / study.name))
        resume = [hpsearch, "resume", copy, "--trials", str(trials + _MORE), "--executor", "inline"]
        # `resume` finds the objective in the folder of the space file.
        return (
            float(ran([python, "-c", _OPEN, copy], study.parent)),
            cpu_s([hpsearch, "show", copy], study.parent),
            cpu_s(resume, study.parent),
        )


def print_costs(folder: Path, samplers: Sequence[str], sizes: Sequence[int]) -> None:
    """Print the first table; copies of the studies stay in a folder for each sampler."""
    print("| sampler | trials | ms each | of them CPU | driver, MiB | database, MiB | x the first |")
    print(f"|{' --- |' * 7}", flush=True)
    for sampler in samplers:
        (folder / sampler).mkdir(parents=True)
        found = grown(folder / sampler, sampler, sizes)
        for one in found:
            database = sum(path.stat().st_size for path in copy_of(folder, sampler, one["size"]).glob("*.db*"))
            cells = [sampler, f"{one['size']:,}", f"{one['wall_ms']:.2f}", f"{one['cpu_ms']:.2f}"]
            cells += [f"{one['rss_mib']:.0f}", f"{database / 2**20:.1f}", f"{one['wall_ms'] / found[0]['wall_ms']:.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def copy_of(folder: Path, sampler: str, size: int) -> Path:
    """Return the folder of a study's copy at a size."""
    return folder / sampler / f"{sampler}-{size}"


def print_reading(folder: Path, samplers: Sequence[str], sizes: Sequence[int], python: Path) -> None:
    """Print the second table."""
    reading(copy_of(folder, samplers[0], sizes[0]), sizes[0], python)  # writes the bytecode
    print("\n| sampler | trials | open, s | show, s | resume, s |")
    print(f"|{' --- |' * 5}", flush=True)
    for sampler in samplers:
        for size in sizes:
            cells = [f"{seconds:.2f}" for seconds in reading(copy_of(folder, sampler, size), size, python)]
            print(f"| {sampler} | {size:,} | {' | '.join(cells)} |", flush=True)


def print_busy(folder: Path, sampler: str, stored: Sequence[int], workers: int, epoch_s: float, seconds: float) -> None:
    """Print the third table.

    Args:
        folder: With the copies, which grow.
        sampler: Of the study.
        stored: Trials before the driver starts.
        workers: Simulated ones.
        epoch_s: Mean length of an epoch.
        seconds: Of the measurement.
    """
    print("\n| sampler | trials before | workers | epoch, s | busy | driver, of a core | wait, ms | 95 % within, ms |")
    print(f"|{' --- |' * 8}", flush=True)
    for size in stored:
        study = copy_of(folder, sampler, size)
        found = json.loads(output([sys.executable, "busy.py", study, str(workers), str(epoch_s), str(seconds)]))
        cells = [sampler, f"{size:,}", str(workers), f"{epoch_s:g}", f"{100 * found['busy']:.1f} %"]
        cells += [f"{100 * found['core']:.0f} %", f"{found['wait_ms']:.1f}", f"{found['late_ms']:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    which = f"{', '.join(_SAMPLERS)} (default: all)"
    add("--samplers", nargs="+", choices=_SAMPLERS, default=_SAMPLERS, metavar="NAME", help=which)
    shown = " ".join(map(str, _SIZES))
    add("--sizes", nargs="+", type=_positive, default=_SIZES, metavar="N", help=f"trials (default: {shown})")
    add("--workers", type=_positive, default=64, metavar="N", help="of the busy driver (default: 64)")
    add("--epoch-s", type=float, default=1.0, metavar="S", help="of the busy driver (default: 1)")
    add("--busy-s", type=float, default=120.0, metavar="S", help="how long it is looked at (default: 120)")
    add("--tables", nargs="+", choices=_TABLES, default=_TABLES, metavar="NAME", help=f"{', '.join(_TABLES)} (all)")
    add("--keep", type=Path, metavar="DIR", help="keep the studies there, and grow none that is there already")
    here = Path(sys.executable)
    add("--python", type=Path, default=here, metavar="PYTHON", help="whose command reads (default: this one)")
    add("--quick", action="store_true", help="20 trials, epochs of 10 ms: shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.workers, options.epoch_s, options.busy_s = (20,), 4, 0.01, 1.0
    options.sizes = sorted(set(options.sizes))
    return options


@contextmanager
def _studies(keep: Path | None) -> Iterator[Path]:
    """Give the folder of the studies: the one to keep, or one that is removed."""
    if keep is not None:
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        yield Path(name)


def main() -> None:
    """Print the tables."""
    options = _options()
    samplers = list(dict.fromkeys(options.samplers))
    with _studies(options.keep) as folder:
        missing = [one for one in samplers if not (folder / one).exists()]
        if missing and "costs" not in options.tables:
            raise SystemExit(f"{folder}: has no studies of {', '.join(missing)}; allowed: with --tables costs")
        if "costs" in options.tables:
            print_costs(folder, missing, options.sizes)
        if "reading" in options.tables:
            print_reading(folder, samplers, options.sizes, options.python)
        if "busy" in options.tables:
            large = max((size for size in options.sizes if size <= _STORED), default=options.sizes[0])
            stored = sorted({options.sizes[0], large})
            print_busy(folder, samplers[0], stored, options.workers, options.epoch_s, options.busy_s)


if __name__ == "__main__":
    main()
