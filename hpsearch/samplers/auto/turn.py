"""One call of the chooser: the choices that follow from what the trials show."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from hpsearch.samplers.auto.candidates import Candidates, candidates
from hpsearch.samplers.auto.history import History
from hpsearch.samplers.auto.options import Options
from hpsearch.samplers.auto.posterior import Posterior
from hpsearch.samplers.auto.seen import Choice
from hpsearch.samplers.auto.setting import Setting
from hpsearch.trial.seeding import derive_seed, unit
from hpsearch.trial.trial import Params

_BALANCED = 0.75  # share of decisions that go to the band of depth with the least training


class Turn:
    """Makes choices one after another; each counts as running for those that follow.

    Args:
        setting: Of the study.
        history: All trials that have begun.
    """

    def __init__(self, setting: Setting, history: History) -> None:
        self._setting, self._history = setting, history
        self._keys = set(history.keys)
        self._goals = history.goals.copy()
        self._gone_on: set[int] = set()  # positions
        self._started: list[Params] = []
        self._options: Options | None = None

    def next(self, *, may_start: bool) -> Choice | None:
        """Return the next choice; None if there is nothing to train.

        Args:
            may_start: Whether a new trial may begin.
        """
        for row in self._history.waiting:
            if int(row) not in self._gone_on:
                return self._go_on(int(row))
        started = self._start_designed() if may_start and self._explores else None
        if started is not None:
            return started
        model = self._history.model
        choice = self._unmodelled() if model is None else self._modelled(model, may_start=may_start)
        if choice is None and may_start:
            return self._start_designed()
        return choice

    @property
    def started(self) -> int:
        """How many new trials these choices begin."""
        return len(self._started)

    @property
    def _number(self) -> int:
        return len(self._history.trials) + len(self._started)

    @property
    def _explores(self) -> bool:
        setting = self._setting
        if self._number < setting.designed:
            return True
        return self._number < setting.most_designed and not self._history.learned

    def _start_designed(self) -> Choice | None:
        params = self._setting.design(self._number, self._keys)
        return None if params is None else self._start(params)

    def _start(self, params: Params) -> Choice:
        self._started.append(params)
        self._keys.add(self._setting.space.key(params))
        return Choice(until=self._setting.leg_end(0), params=params)

    def _go_on(self, row: int) -> Choice:
        until = self._setting.leg_end(int(self._history.measured.depths[row]))
        self._gone_on.add(row)
        self._goals[row] = until
        return Choice(until=until, number=self._history.trials[row].number)

    def _unmodelled(self) -> Choice | None:
        """Go on with the best paused trial: there are too few measurements for a model."""
        rows = [int(row) for row in self._history.paused if int(row) not in self._gone_on]
        return self._go_on(max(rows, key=lambda row: self._history.measured.tops[row])) if rows else None

    def _modelled(self, model: tuple[Posterior, float], *, may_start: bool) -> Choice | None:
        if self._options is None:
            started = self._setting.encoder.stacked(self._started)
            self._options = Options(self._history, model, started, self._new, self._setting.balance)
        spent = self._spent() if self._draw("balance") < _BALANCED else None
        while (option := self._options.best(spent, may_start=may_start)) is not None:
            if option.paused is not None:
                self._options.take(option)
                return self._go_on(option.paused)
            params = self._setting.encoder.params(self._new.quantiles[option.new])
            if self._setting.space.key(params) not in self._keys:
                self._options.take(option)
                return self._start(params)
            self._options.refuse(option)
        return None

    @cached_property
    def _new(self) -> Candidates:
        rng = np.random.default_rng(derive_seed(self._setting.seed, "auto new", *self._moment))
        return candidates(self._setting.encoder, self._history.parents, rng)

    def _draw(self, word: str) -> float:
        return unit(self._setting.seed, f"auto {word}", *self._moment)

    @property
    def _moment(self) -> tuple[int, int, int]:
        """What tells decisions of a study apart: trials, measurements, and legs that run."""
        busy = len(self._history.running) + len(self._gone_on) + len(self._started)
        return self._number, len(self._history.measured.values), busy

    def _spent(self) -> np.ndarray:
        began = np.full(len(self._started), self._setting.leg_end(0))
        return self._setting.balance.spent(np.concatenate([self._goals, began]))
