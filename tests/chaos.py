"""The tormentor: kills real studies at random moments, resumes them, and compares them with undisturbed ones.

`uv run python tests/chaos.py --kills 1000 [--seed S] [--executor ray] [--storage URL]` does it at length: progress goes
to standard error, a table of what it took to standard output. It exits with 1 at the first mismatch, and the folder of
that study stays for a look. The tests do the same with fewer kills. The seed decides when and how is killed, as far as
clocks and schedulers let it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from support.chaos.moments import Toll
from support.chaos.studies import LIGHT, PAUSES, VISION, WALKER, Kind
from support.chaos.torment import torment
from support.cli import Cli
from support.warm import Server


def _rounds(kinds: tuple[Kind, ...], kills: int, rng: random.Random) -> Iterator[tuple[Kind, int]]:
    """Yield kinds in turn, with how many kills each gets."""
    turn = 0
    while kills > 0:
        count = min(kills, rng.randint(20, 50))
        yield kinds[turn % len(kinds)], count
        turn, kills = turn + 1, kills - count


def main() -> int:
    """Torment at length; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill studies at random moments, and look whether anything is lost.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--executor", choices=("inline", "ray"), default="inline")
    parser.add_argument("--storage", help="URL of the stores, without studies of these names")
    options = parser.parse_args()
    kinds = LIGHT
    if options.executor == "ray":
        in_workers = {"options": VISION.options, "spawns": True, "hooked": False, "life_s": 20.0}
        kinds = (VISION, replace(WALKER, **in_workers), replace(PAUSES, **in_workers))
    if options.storage is not None:
        kinds = tuple(replace(kind, storage=options.storage) for kind in kinds if kind.storage is None)
    servers: list[Server] = [Server()]
    base, toll = Path(tempfile.mkdtemp(prefix="hps-chaos-")), Toll()
    rounds = _rounds(kinds, options.kills, random.Random(options.seed))
    for number, (kind, kills) in enumerate(rounds):
        folder, outputs = base / f"{number}-{kind.name}", base / f"{number}-outputs"
        folder.mkdir()
        outputs.mkdir()
        cli = Cli(folder, outputs, lambda: servers[0])
        toll.add(torment(cli, kind, kills=kills, seed=options.seed + number, tell=_tell))
        cli.kill_all()
        _tell(f"{toll.kills.total()} kills in {toll.seconds:.0f} s, {len(toll.mismatches)} mismatches")
        if toll.mismatches:
            break
    servers[0].close()
    print(toll.table())
    if toll.mismatches:
        print(*toll.mismatches, f"Its files are in {folder}", sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(base)
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
