"""How many epochs a search from coarse to fine takes to a narrow optimum, beside a flat search of the same sampler.

    uv run python benchmarks/coarse_to_fine.py

A study searches a learning rate (4 decades), a weight decay (5), a dropout and a batch size. The accuracy after 20
epochs is a broad hill of 50 points (standard deviations of 1 and 1.25 decades) plus a peak of 30 points, a third of a
decade of learning rate and half a decade of weight decay wide (full width at half height); dropout and batch size are
worth 4 and 2 points. The hill's top is where the peak is, or one standard deviation beside it, which misleads. Each
seed has its optimum elsewhere. Trials of fewer epochs reach less (56 % of it after 5, 82 % after 10) with the same
ranking. What is measured has noise: standard deviations of 1 point for each trial and of 1 for each epoch.

The flat search trains every trial for 20 epochs; a grid is planned for as many trials as the cap has. The other one has
`search.rounds`, and what follows them stays in the last round, as after `hpsearch resume STUDY --trials N`. Nothing is
pruned. A study has arrived when the first trial of 20 epochs has ended inside of the peak's half height: the noise
plays no part in that, and shorter trainings don't count. All epochs up to there count, those of short trials too. A
study that spends the cap without arriving counts as slower than all that arrive.

Rounds, proposals and samplers are those that run studies; the trials are computed here, one after the other, without a
database. Before the table, a small study of each sampler is run by `hpsearch.api.run` with the inline executor too: its
trials have to be the same.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import NormalDist
from typing import Any

from hpsearch import api
from hpsearch.config.config import StudyConfig
from hpsearch.driver.proposals import Proposals
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.space_files import parse_config
from hpsearch.samplers.rounds import Round, first_round
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.store.mirror import Mirror
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.trial.seeding import derive_seed, unit
from hpsearch.trial.trial import Stage, State, StopReason, TrialRecord

Rounds = Sequence[tuple[int, int]]  # trials and epochs of each; empty for a flat search

_EPOCHS = 20
_ROUNDS = ((24, 5), (16, 10), (8, 20))
_CHECKED = ((12, 1), (4, 2), (1, 20))  # an epoch that is run for real takes 40 ms
_SAMPLERS = ("jittered_grid", "random", "sobol", "tpe")  # gp takes a second for each config
_HILLS = {"centred": 0.0, "beside": 1.0}  # standard deviations between the tops of the hill and the peak
_SLOW = ("beside", "tpe")  # most of its studies never arrive, and a config costs more the more trials are known

_DECADES = {"lr": (-5, -1), "weight_decay": (-7, -2)}
_HILL_SDS = {"lr": 1.0, "weight_decay": 1.25}  # decades
_PEAK_WIDTHS = {"lr": 1 / 3, "weight_decay": 1 / 2}  # decades, at half height
_WIDTH_IN_SDS = math.sqrt(8 * math.log(2))  # of a normal curve
_CHANCE, _HILL, _PEAK, _DROPOUT = 0.1, 0.5, 0.3, 0.04
_BEST_DROPOUT, _DROPOUT_SD = 0.2, 0.2
_BATCH_SIZES = {32: 0.0, 64: 0.02, 128: 0.01}
_TIME_EPOCHS = _EPOCHS / 3
_NOISE = 0.01
_MARGIN = 0.2  # of a range on both sides, without optima: the hill's top then lies inside too


def accuracy(config: Mapping[str, Any], epoch: int) -> float:
    """Return the accuracy of a config after an epoch, without noise: in [0, 1]."""
    tops = [math.log10(config[name] / config[f"best_{name}"]) for name in _DECADES]
    hills = [
        distance / sd - config["beside"] / math.sqrt(len(tops))
        for distance, sd in zip(tops, _HILL_SDS.values(), strict=True)
    ]
    peaks = [distance / width * _WIDTH_IN_SDS for distance, width in zip(tops, _PEAK_WIDTHS.values(), strict=True)]
    full = _HILL * _bell(*hills) + _PEAK * _bell(*peaks) + _BATCH_SIZES[config["batch_size"]]
    full += _DROPOUT * _bell((config["dropout"] - _BEST_DROPOUT) / _DROPOUT_SD)
    return _CHANCE + full * -math.expm1(-epoch / _TIME_EPOCHS) / -math.expm1(-_EPOCHS / _TIME_EPOCHS)


def _bell(*deviations: float) -> float:
    return math.exp(-sum(deviation**2 for deviation in deviations) / 2)


def is_inside(config: Mapping[str, Any]) -> bool:
    """Return whether a config is inside of the peak's half height."""
    halves = [math.log10(config[name] / config[f"best_{name}"]) / (width / 2) for name, width in _PEAK_WIDTHS.items()]
    return math.hypot(*halves) <= 1


def holds_peak(space: Space, config: Mapping[str, Any]) -> bool:
    """Return whether any config inside of the peak's half height lies within a space's bounds.

    Args:
        space: With the bounds of a round.
        config: Any of the study's.
    """
    nearest = dict(config)
    for name in _DECADES:
        axis = space.parameters[name]
        assert isinstance(axis, Range)  # noqa: S101 - as `study_file` has it
        nearest[name] = min(max(config[f"best_{name}"], axis.low), axis.high)
    return is_inside(nearest)


def measured(config: Mapping[str, Any], seed: int, epoch: int) -> float:
    """Return what a trial measures after an epoch."""
    return accuracy(config, epoch) + _NOISE * (_normal(seed, "trial") + _normal(seed, "epoch", epoch))


def _normal(*key: str | int) -> float:
    return NormalDist().inv_cdf(max(unit(*key), math.ulp(0.0)))


def train(config: Mapping[str, Any], trial: Any) -> Iterator[dict[str, float]]:
    """Be the objective of a study."""
    for epoch in trial.epochs():
        yield {"val_accuracy": measured(config, trial.seed, epoch)}


def study_file(sampler: str, beside: float, seed: int, rounds: Rounds, trials: int) -> dict[str, Any]:
    """Return a space file's content.

    Args:
        sampler: Its name.
        beside: How far the hill's top is from the peak's, in standard deviations.
        seed: Also decides where the optimum is.
        rounds: Empty for a flat search.
        trials: Of a flat search.
    """
    space: dict[str, Any] = {"dropout": {"uniform": [0.0, 0.5]}, "batch_size": {"choice": [*_BATCH_SIZES]}}
    for name, (low, high) in _DECADES.items():
        share = _MARGIN + (1 - 2 * _MARGIN) * unit(seed, "optimum", name)
        space[name] = {"loguniform": [10.0**low, 10.0**high]}
        space[f"best_{name}"] = 10 ** (low + share * (high - low))
    planned = {"rounds": [{"trials": count, "epochs": epochs} for count, epochs in rounds]}
    return {
        "study": f"{sampler}-{seed}",
        "metric": "val_accuracy",
        "direction": "maximize",
        "seed": seed,
        "objective": {"python": "coarse_to_fine:train", "epochs": _EPOCHS},
        "space": space | {"beside": beside},
        "search": {"sampler": sampler, **(planned if rounds else {"trials": trials})},
        "prune": None,
        "finalists": None,
        "ensemble": None,
    }


class MemoryStore(Store):
    """What the search reads of a store, without a database."""

    def __init__(self, config: StudyConfig) -> None:
        self._mirror = Mirror(lambda _: [], lambda _: {}, nullcontext)
        self._attributes = {"rounds": [first_round(config).as_dict()], "trials": config.search.total}

    def put(self, key: str, value: Any) -> None:
        """Set an attribute of the study."""
        self._attributes[key] = value

    def add(self, record: TrialRecord) -> None:
        """Add a trial that has ended."""
        self._mirror.put(record)


def played(config: StudyConfig, more: int = 0) -> Iterator[tuple[TrialRecord, Space]]:
    """Yield the trials of a study's search, each with the space that it was drawn from.

    Args:
        config: The study's.
        more: Trials that follow its own in the last round, as a resume with a new total has them.
    """
    store = MemoryStore(config)
    for total in (None, config.search.total + more) if more else (None,):
        proposals = Proposals(Study("simulated", Path(), config, store), total)
        following: Round | None = proposals.unfinished
        while following is not None:
            for number in range(len(store.records(Stage.SEARCH)), following.end):
                record = _trained(config, number, proposals.draw(number), following.epochs)
                store.add(record)
                yield record, proposals.space(number)
            following, _ = proposals.next_round()
            if following is not None:
                proposals.begin(following)


def _trained(config: StudyConfig, number: int, params: Mapping[str, Any], epochs: int) -> TrialRecord:
    seed = derive_seed(config.seed, Stage.SEARCH, number, 0)
    trained = config.space.config_of(params)
    values = {epoch: measured(trained, seed, epoch) for epoch in range(1, epochs + 1)}
    return TrialRecord(
        stage=Stage.SEARCH,
        number=number,
        state=State.COMPLETE,
        params=params,
        values=values,
        value=max(values.values()),
        stop_reason=StopReason.FINISHED,
        epochs=epochs,
        seed=seed,
    )


def epochs_to_peak(config: StudyConfig, cap: int) -> float:
    """Return the epochs that a study spends until it arrives; infinity where that takes more than the cap."""
    spent = 0
    for record, space in played(config, more=cap // _EPOCHS):
        spent += record.epochs
        trained = config.space.config_of(record.params)
        # The last round's bounds stay: where they leave the peak out, the rest of the cap can be saved.
        if spent > cap or (record.number >= config.search.total and not holds_peak(space, trained)):
            break
        if record.epochs == _EPOCHS and is_inside(trained):
            return spent
    return math.inf


def check(sampler: str) -> None:
    """Run a small study for real, and compare its trials with those that are computed here.

    Raises:
        SystemExit: One differs.
    """
    raw = study_file(sampler, 0.0, 0, _CHECKED, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_text(json.dumps(raw), encoding="utf-8")  # JSON is YAML
        study = api.run(path, request=ResourceRequest(executor="inline"), studies=Path(folder, "studies"))
        ran = study.store.records(Stage.SEARCH)
        study.close()
    computed = [record for record, _ in played(parse_config(raw))]
    same = len(ran) == len(computed)
    for one, other in zip(ran, computed, strict=False):
        same &= (one.params, one.seed, one.values, one.value) == (other.params, other.seed, other.values, other.value)
    if not same:
        raise SystemExit(f"{sampler}: the trials that were run are not those that are computed here")


def quartiles(values: Sequence[float]) -> list[float]:
    """Return the lower quartile, the median and the upper one: of an even number of values the larger of the two."""
    return [sorted(values)[int(len(values) * share)] for share in (0.25, 0.5, 0.75)]


def row(hill: str, sampler: str, rounds: Rounds, seeds: int, cap: int) -> str:
    """Return a row of the table.

    Args:
        hill: A key of `_HILLS`.
        sampler: Its name.
        rounds: Of the search from coarse to fine.
        seeds: How many studies of each kind.
        cap: Epochs that a study may spend.
    """
    cells, medians = [hill, sampler], []
    planned = sum(trials * epochs for trials, epochs in rounds)
    for kind in ((), rounds):
        files = [study_file(sampler, _HILLS[hill], seed, kind, cap // _EPOCHS) for seed in range(seeds)]
        spent = [epochs_to_peak(parse_config(file), cap) for file in files]
        low, median, high = (f"{value:.0f}" if value <= cap else f"> {cap}" for value in quartiles(spent))
        within = [sum(epochs <= limit for epochs in spent) / seeds for limit in (planned, cap)]
        cells += [*(f"{100 * share:.0f} %" for share in within), f"{median} ({low} to {high})"]
        medians.append(quartiles(spent)[1])
    flat, zoomed = medians
    return f"| {' | '.join([*cells, ratio(flat, zoomed, cap)])} |"


def ratio(flat: float, zoomed: float, cap: int) -> str:
    """Return how many times the epochs of a flat search the other one takes; a bound where one of them is unknown."""
    if math.isfinite(flat) and math.isfinite(zoomed):
        return f"{zoomed / flat:.2f}"
    if math.isfinite(zoomed):
        return f"< {zoomed / cap:.2f}"
    return f"> {cap / flat:.2f}" if math.isfinite(flat) else "-"


def _one_round(text: str) -> tuple[int, int]:
    trials, _, epochs = text.partition("x")
    if not (trials.isdecimal() and epochs.isdecimal() and int(trials) and 1 <= int(epochs) <= _EPOCHS):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: TRIALSxEPOCHS with 1 to {_EPOCHS} epochs, such as 24x5")
    return int(trials), int(epochs)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--seeds", type=_positive, default=30, metavar="N", help="studies of each kind (default: 30)")
    add("--cap", type=_positive, default=200, metavar="N", help="full trainings a study may spend (default: 200)")
    which = f"{', '.join(_SAMPLERS)} (default: all, {_SLOW[1]} only where the hill is centred)"
    add("--samplers", nargs="+", choices=_SAMPLERS, metavar="NAME", help=which)
    shown = " ".join(f"{trials}x{epochs}" for trials, epochs in _ROUNDS)
    add(
        "--rounds",
        nargs="+",
        type=_one_round,
        default=_ROUNDS,
        metavar="TxE",
        help=f"trials x epochs (default: {shown})",
    )
    options = parser.parse_args()
    if options.rounds[-1][1] != _EPOCHS:
        parser.error(f"--rounds: the last one has {options.rounds[-1][1]} epochs; allowed: {_EPOCHS}")
    return options


def main() -> None:
    """Print the check and the table."""
    options = _options()
    samplers = list(dict.fromkeys(options.samplers or _SAMPLERS))
    for sampler in samplers:
        check(sampler)
    print(f"api.run gives the same trials: {', '.join(samplers)}\n", flush=True)
    planned, cap = sum(trials * epochs for trials, epochs in options.rounds), options.cap * _EPOCHS
    shares = f"in {planned} | in {cap}"
    print(f"| hill | sampler | flat: {shares} | epochs | rounds: {shares} | epochs | ratio |")
    print(f"|{' --- |' * 9}")
    for hill in _HILLS:
        for sampler in samplers:
            if options.samplers or (hill, sampler) != _SLOW:
                print(row(hill, sampler, options.rounds, options.seeds, cap), flush=True)


if __name__ == "__main__":
    main()
