"""The cost of a trial beside its training: hpsearch and its peers on the same work, on this machine.

    uv run python benchmarks/overhead.py

A trial has five epochs that measure one number, and its config three parameters from random search. Two figures:

- no-op trials per second: epochs take no time
- idle: a worker's waiting time for each trial of 5 epochs that sleep 50 ms, (wall - ideal) x workers / trials. A late
  return from a sleep counts as idle time too, for all peers: the bare actors show how much that is.

Each figure is a slope between two sizes, without the start-up: the additional seconds of the larger size, over its
additional trials. Each measurement is a process of its own in an empty folder. Peers take turns, and the table has the
median of the repeats, with the lowest and the highest. hpsearch is the installed command with its store on SQLite; the
peers are in benchmarks/peers, with their fastest settings:

- Ray Tune by its function API, with an actor for each trial (the default) and with `reuse_actors`; and by its class API
  with `reuse_actors`. Always with its loggers off, nothing printed, no checkpoints, and the experiment's state written
  only at the end; it has no other store. "Buffered" returns the five epochs of a trial at once, so that no scheduler
  could end it early.
- Optuna with one process for each worker, all on one SQLite file in WAL mode: ask, five reports, tell.
- Bare Ray actors: one call for each trial, which returns its five measurements. No store.
- The same with Optuna's ask, five reports and tell in the driver, on SQLite.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

_PEERS = Path(__file__).resolve().parent / "peers"
_EPOCHS, _EPOCH_S = 5, 0.05
_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Peer:
    """A participant.

    Attributes:
        script: In `_PEERS`.
        noop: The two sizes for no-op trials; a slow peer's take half a minute.
        slept: The two sizes for sleeping trials.
    """

    name: str
    script: str
    noop: tuple[int, int]
    slept: tuple[int, int]


HPSEARCH = Peer("hpsearch", "hpsearch_command", (200, 2200), (20, 220))
PEERS = (
    HPSEARCH,
    Peer("Ray Tune, function API", "tune_function", (2, 12), (2, 12)),
    Peer("Ray Tune, function API, reuse_actors", "tune_function_reused", (5, 55), (5, 55)),
    Peer("Ray Tune, class API, reuse_actors", "tune_class", (50, 450), (20, 120)),
    Peer("the same, buffered", "tune_buffered", (50, 450), (20, 120)),
    Peer("Optuna, a process for each worker", "optuna_processes", (50, 450), (20, 120)),
    Peer("bare Ray actors, no store", "ray_actors", (500, 5500), (20, 220)),
    Peer("bare Ray actors, Optuna in the driver", "ray_actors_optuna", (50, 450), (20, 120)),
)
_QUICK = (2, 6)  # trials; enough to see that a peer works


@dataclass(frozen=True, slots=True)
class Figure:
    """The values of the repeats, in seconds for each trial."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def in_ms(self) -> str:
        """Return the median with the lowest and the highest, in milliseconds."""
        low, middle, high = (f"{1000 * value:.2f}" for value in (min(self.values), self.middle, max(self.values)))
        return middle if len(self.values) == 1 else f"{middle} ({low} to {high})"


def seconds(peer: Peer, trials: int, epoch_s: float, workers: int) -> float:
    """Return a peer's seconds, with any start-up that it counts itself.

    Raises:
        SystemExit: The peer failed; with its error.
    """
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        command = [sys.executable, f"{peer.script}.py", str(trials), str(epoch_s), str(workers), folder]
        ended = subprocess.run(command, cwd=_PEERS, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if ended.returncode:
        raise SystemExit(f"{peer.name}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    return float(ended.stdout.splitlines()[-1])


def slope(peer: Peer, sizes: tuple[int, int], epoch_s: float, workers: int) -> float:
    """Return the seconds that one more trial takes."""
    small, large = sizes
    return (seconds(peer, large, epoch_s, workers) - seconds(peer, small, epoch_s, workers)) / (large - small)


def idle(slope_s: float, workers: int) -> float:
    """Return a worker's waiting time for each trial, in seconds.

    Args:
        slope_s: Wall time of one more trial; ideally the workers share it.
    """
    return slope_s * workers - _EPOCHS * _EPOCH_S


def row(peer: Peer, noop: Figure, slept: Figure, ours: tuple[Figure, Figure]) -> str:
    """Return a row of the table.

    Args:
        peer: The row's.
        noop: Seconds of wall time for each no-op trial.
        slept: Seconds of idle time for each sleeping trial.
        ours: Both figures of hpsearch.
    """
    cells = [
        peer.name,
        "{} to {}".format(*peer.noop),
        noop.in_ms(),
        f"{1 / noop.middle:.3g}" if noop.middle > 0 else "-",
        _times(noop, ours[0]),
        "{} to {}".format(*peer.slept),
        slept.in_ms(),
        _times(slept, ours[1]),
    ]
    return f"| {' | '.join(cells)} |"


def _times(theirs: Figure, ours: Figure) -> str:
    """Return the ratio of another figure to hpsearch's; a dash if the noise is larger than either."""
    return f"{theirs.middle / ours.middle:.3g}" if min(theirs.middle, ours.middle) > 0 else "-"


def measure(peers: Sequence[Peer], workers: int, repeats: int) -> dict[str, tuple[Figure, Figure]]:
    """Return the two figures of each peer by its name: seconds for a no-op trial, idle seconds for a sleeping one."""
    noop: dict[str, list[float]] = {peer.name: [] for peer in peers}
    slept: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for repeat in range(repeats):
        for peer in peers:
            noop[peer.name].append(slope(peer, peer.noop, 0.0, workers))
            slept[peer.name].append(idle(slope(peer, peer.slept, _EPOCH_S, workers), workers))
            said = f"{noop[peer.name][-1] * 1000:.2f} ms, idle {slept[peer.name][-1] * 1000:.2f} ms"
            print(f"{repeat + 1}/{repeats} {peer.name}: {said}", file=sys.stderr, flush=True)
    return {peer.name: (Figure(tuple(noop[peer.name])), Figure(tuple(slept[peer.name]))) for peer in peers}


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workers", type=_positive, default=2, metavar="N", help="of each peer (default: 2)")
    add("--repeats", type=_positive, default=3, metavar="N", help="the median of so many counts (default: 3)")
    names = [peer.script for peer in PEERS]
    add("--peers", nargs="+", choices=names, default=names, metavar="NAME", help=f"{', '.join(names)} (default: all)")
    shown = "{} to {}".format(*_QUICK)
    add("--quick", action="store_true", help=f"{shown} trials once: shows that it runs, and measures nothing")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = _options()
    peers = [peer for peer in PEERS if peer is HPSEARCH or peer.script in options.peers]
    if options.quick:
        peers = [replace(peer, noop=_QUICK, slept=_QUICK) for peer in peers]
    figures = measure(peers, options.workers, 1 if options.quick else options.repeats)
    print("| peer | no-op trials | ms each | a second | x hpsearch | sleeping trials | idle ms each | x hpsearch |")
    print(f"|{' --- |' * 8}")
    for peer in peers:
        print(row(peer, *figures[peer.name], figures[HPSEARCH.name]))


if __name__ == "__main__":
    main()
