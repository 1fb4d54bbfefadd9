"""How many epochs a search from coarse to fine takes to a narrow optimum, beside a flat search of the same sampler.

    python benchmarks/coarse_to_fine.py

A study looks for a learning rate, a weight decay, a dropout and a batch size. The accuracy after 20 epochs is 10 %, plus
a hill of 50 points whose slopes are a decade (standard deviations; 1.25 decades of weight decay), plus a peak of 30
points that is a third of a decade of learning rate and half a decade of weight decay wide (full width at half of its
height). Ranges have 4 and 5 decades. Dropout and batch size move it by up to 4 and 2 points. Hill and peak have the same
centre (centred), or the peak stands 0.6 standard deviations up its slope (on the slope). The centre is another for each
seed. Shorter trainings reach less (56 % of the way after 5 epochs, 82 % after 10) in the same order; the measured
accuracy has noise of 1 point for each trial and 1 for each epoch.

The flat search trains all trials for 20 epochs. The other one has `search.rounds` (see `--help`) and then stays in its
last round, as `hpsearch resume STUDY --trials N` would. Both propose as the driver does: first_round, Proposals and the
samplers are the real ones; trials are evaluated here, one after the other, and nothing is pruned. Counted are the epochs
of all trials up to the end of the first full training inside of the peak: whose accuracy without noise is above the
middle of its flank. A study that has not got there within the epochs of `--cap` full trainings counts as slower than
all others.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch import api
from hpsearch.config import StudyConfig, parse_config
from hpsearch.executors.resources import ResourceRequest
from hpsearch.samplers.rounds import first_round
from hpsearch.seeding import derive_seed, unit
from hpsearch.stages.proposals import Proposals
from hpsearch.store import Store
from hpsearch.trial import Stage, State, StopReason, TrialRecord

EPOCHS = 20
ROUNDS = ((24, 5), (16, 10), (8, 20))  # trials, epochs
SAMPLERS = ("jittered_grid", "random", "sobol", "tpe")
OFFSETS = {"centred": 0.0, "slope": 1.0}

_DECADES = {"lr": (-5.0, -1.0), "weight_decay": (-7.0, -2.0)}
_HILL = {"lr": 1.0, "weight_decay": 1.25}  # decades: standard deviations
_PEAK = {"lr": 1 / 3, "weight_decay": 1 / 2}  # decades: full widths at half of the height
_SD_PER_WIDTH = 1 / math.sqrt(8 * math.log(2))  # of a normal curve
_CHANCE, _HILL_HEIGHT, _PEAK_HEIGHT = 0.1, 0.5, 0.3
_BATCH = {32: 0.0, 64: 0.02, 128: 0.01}
_DROPOUT_HEIGHT, _BEST_DROPOUT = 0.04, 0.2
_TOP = _CHANCE + _HILL_HEIGHT + _PEAK_HEIGHT + _DROPOUT_HEIGHT + max(_BATCH.values())
_RATE = 3 / EPOCHS
_NOISE = 0.01
_MARGIN = 0.15  # of the range: no optimum is nearer to a bound


def accuracy(config: Mapping[str, Any], epoch: int) -> float:
    """Return the accuracy without noise, in [0, 1], of a config after so many epochs."""
    hill = peak = 0.0
    for name in _DECADES:
        distance = math.log10(config[name] / config[f"best_{name}"])
        hill += ((distance - config["offset"] * _HILL[name] / math.sqrt(2)) / _HILL[name]) ** 2
        peak += (distance / (_PEAK[name] * _SD_PER_WIDTH)) ** 2
    slope = (config["offset"]) ** 2
    dropout = math.exp(-(((config["dropout"] - _BEST_DROPOUT) / 0.3) ** 2) / 2)
    height = _HILL_HEIGHT * math.exp((slope - hill) / 2) if False else _HILL_HEIGHT * math.exp(-hill / 2)
    full = height + _PEAK_HEIGHT * math.exp(-peak / 2) + _DROPOUT_HEIGHT * dropout + _BATCH[config["batch_size"]]
    learned = (1 - math.exp(-_RATE * epoch)) / (1 - math.exp(-_RATE * EPOCHS))
    return _CHANCE + full * learned


def inside(config):
    return sum((math.log10(config[n] / config[f"best_{n}"]) / (_PEAK[n] / 2)) ** 2 for n in _DECADES) <= 1


def threshold(config):
    top = accuracy({**config, **{n: config[f"best_{n}"] for n in _DECADES}, "dropout": _BEST_DROPOUT, "batch_size": 64}, EPOCHS)
    return top - _PEAK_HEIGHT / 2


def _normal(*key: str | int) -> float:
    return statistics.NormalDist().inv_cdf((unit(*key) + 2**-54))


def measured(config: Mapping[str, Any], seed: int, epoch: int) -> float:
    """Return what a trial measures after an epoch."""
    noise = _NOISE * (_normal(seed, "trial") + _normal(seed, "epoch", epoch))
    return accuracy(config, epoch) + noise


def train(config: Mapping[str, Any], trial: Any) -> Iterator[dict[str, float]]:
    """Train for real studies, as `python:` objective."""
    for epoch in trial.epochs():
        yield {"val_accuracy": measured(config, trial.seed, epoch)}


def space_file(sampler: str, offset: float, seed: int, rounds, trials) -> dict[str, Any]:
    best = {}
    for name, (low, high) in _DECADES.items():
        share = _MARGIN + (1 - 2 * _MARGIN) * unit(seed, "best", name)
        best[f"best_{name}"] = 10 ** (low + share * (high - low))
    search: dict[str, Any] = {"sampler": sampler}
    if rounds:
        search["rounds"] = [{"trials": t, "epochs": e} for t, e in rounds]
    else:
        search["trials"] = trials
    return {
        "study": "peak",
        "metric": "val_accuracy",
        "direction": "maximize",
        "seed": seed,
        "objective": {"python": "coarse_to_fine:train", "epochs": EPOCHS},
        "space": {
            **{name: {"loguniform": [10**low, 10**high]} for name, (low, high) in _DECADES.items()},
            "dropout": {"uniform": [0.0, 0.5]},
            "batch_size": {"choice": [*_BATCH]},
            **best,
            "offset": offset,
        },
        "search": search,
        "prune": None,
        "finalists": None,
        "ensemble": None,
    }


class MemoryStore(Store):
    def __init__(self, config: StudyConfig) -> None:
        self._records = {stage: {} for stage in Stage}
        self._attributes = {"rounds": [first_round(config).as_dict()], "trials": config.search.total}

    def put(self, key: str, value: Any) -> None:
        self._attributes[key] = value

    def add(self, record):
        self._records[record.stage][record.number] = record


def play(config: StudyConfig, cap: int):
    """Yield config, epochs."""
    store = MemoryStore(config)
    proposals = Proposals(config, store, None)
    number = 0
    while True:
        one = proposals.unfinished
        for number in range(number, one.end):
            params = proposals.draw(number)
            full = config.space.config(params)
            seed = derive_seed(config.seed, Stage.SEARCH, number, 0)
            values = {e: measured(full, seed, e) for e in range(1, one.epochs + 1)}
            store.add(TrialRecord(stage=Stage.SEARCH, number=number, state=State.COMPLETE, params=params, values=values, value=max(values.values()), stop_reason=StopReason.FINISHED, epochs=one.epochs, seed=seed))
            yield number, full, one.epochs
        number = one.end
        following, _ = proposals.next_round()
        if following is not None:
            proposals.begin(following)
        else:
            proposals = Proposals(config, store, cap)
            if proposals.unfinished.end <= number: return


def epochs_needed(config, cap):
    spent = 0
    for number, full, epochs in play(config, cap + 1000):
        spent += epochs
        if spent > cap * EPOCHS:
            return math.inf
        if epochs == EPOCHS and inside(full):
            return spent
    return math.inf

def q(v):
    v = sorted(v)
    n=len(v)
    return [v[int(n*f)] for f in (.25,.5,.75)]

if __name__ == "__main__":
    seeds = int(sys.argv[1]); cap = int(sys.argv[2]); samplers = sys.argv[3].split(",")
    rounds = eval(sys.argv[4]) if len(sys.argv) > 4 else ROUNDS
    for kind, offset in OFFSETS.items():
        for s in samplers:
            t=time.time()
            flat = [epochs_needed(parse_config(space_file(s, offset, i, None, cap)), cap) for i in range(seeds)]
            t1=time.time()
            c2f = [epochs_needed(parse_config(space_file(s, offset, i, rounds, cap)), cap) for i in range(seeds)]
            inround = sum(t*e for t,e in rounds)
            print(kind, s, "flat", sum(map(math.isfinite, flat)), q(flat), "c2f", sum(map(math.isfinite, c2f)), sum(x<=inround for x in c2f), q(c2f), f"{t1-t:.1f} {time.time()-t1:.1f}s", flush=True)
