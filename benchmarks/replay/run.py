"""How many epochs a search takes to a good config, beside its peers, on recorded learning curves.

    python benchmarks/replay/run.py --data DIR --tasks lcbench taskset --methods jittered_grid+stall,ray-asha --seeds 3

hpsearch's studies run with its own driver and store, and peers in their own code. Workers and their clock are
simulated: an epoch takes one unit of time, and to pause and to go on takes none. benchmarks/README.md says what is
shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import methods
from batch import OtherSettingsError, Settings, play_all, read, write
from curves import MissingDataError
from printing import families, print_table, tables_of
from tasks import GROUPS, names_of
from traces import Result, Setting

_TASKS = ("lcbench", "taskset", "alexnet")
_METHODS = ("jittered_grid", "random+none", "tpe+none", "ray-asha", "ray-asha-ninth", "optuna-tpe+none")


def _numbers(text: str) -> list[float]:
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or found[0] <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: numbers of full trainings above 0, such as 5,10,20")
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: a number >= 0")
    return found


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="the folder with lcbench/, taskset/ and alexnet/")
    what = f"{', '.join(GROUPS)}, codes of LCBench or files of TaskSet (default: {' '.join(_TASKS)})"
    add("--tasks", nargs="+", default=list(_TASKS), metavar="T", help=what)
    what = "separated by commas; SAMPLER or SAMPLER+PRUNING for hpsearch, or peers; `--methods help` lists them"
    add("--methods", type=_names, default=list(_METHODS), metavar="M", help=f"{what} (default: {','.join(_METHODS)})")
    add("--budgets", type=_numbers, default=[2.0, 5.0, 10.0, 20.0], metavar="B", help="in full trainings (2,5,10,20)")
    add("--seeds", type=_count, default=3, metavar="N", help="studies of each method and task (default: 3)")
    add("--workers", type=_count, default=4, metavar="N", help="simulated ones (default: 4)")
    what = "of an epoch's time by config: the standard deviation of its logarithm (default: 0, all take the same)"
    add("--spread", type=_share, default=0.0, metavar="S", help=what)
    add("--jobs", type=_count, default=1, metavar="N", help="processes that play studies (default: 1)")
    add("--json", type=Path, metavar="FILE", help="gets all results; studies that it has are not played again")
    add(
        "--also",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="of other calls; the tables have their results too",
    )
    add("--pictures", type=Path, metavar="DIR", help="gets pictures of regret over epochs; needs matplotlib")
    kept = Path(tempfile.gettempdir()) / "hpsearch-replay"
    add("--cache", type=Path, default=kept, metavar="DIR", help=f"keeps what regret is measured by (default: {kept})")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the studies, and print the tables."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.methods == ["help"]:
        print(*methods.names(), sep="\n")
        return
    setting = Setting(workers=asked.workers, trainings=asked.budgets[-1], spread=asked.spread)
    settings = Settings(data=asked.data, cache=asked.cache, setting=setting)
    try:
        results = _results(asked, settings)
    except (MissingDataError, OtherSettingsError, methods.UnknownMethodError) as error:
        parser.error(str(error))
    tables = {family: tables_of(results, family, asked.budgets) for family in families(results)}
    for family, found in tables.items():
        print(f"{family}, {asked.workers} workers, mean regret in percent:\n")
        for table in found:
            print_table(table)
    if asked.json:
        write(asked.json, settings, read(asked.json, settings), budgets=asked.budgets, tables=tables)
    if asked.pictures:
        from pictures import draw

        print(*draw(results, asked.budgets[-1], asked.pictures), sep="\n", file=sys.stderr)


def _results(asked: argparse.Namespace, settings: Settings) -> list[Result]:
    """Return the results of all studies that were asked for, and those of the other files."""
    if asked.pictures and importlib.util.find_spec("matplotlib") is None:
        raise methods.UnknownMethodError("--pictures: the package matplotlib is missing")
    for method in asked.methods:
        methods.check_name(method)
    names = names_of(asked.data, asked.tasks)
    keys = [(method, name, seed) for seed in range(asked.seeds) for name in names for method in asked.methods]
    found = {result.key: result for result in play_all(settings, keys, asked.jobs, asked.json)}
    for file in asked.also:
        if not file.exists():
            raise MissingDataError(f"{file}: is not there")
        found = read(file, settings, longer=True) | found
    return list(found.values())


if __name__ == "__main__":
    main()
