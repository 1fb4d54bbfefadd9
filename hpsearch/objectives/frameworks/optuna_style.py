"""An Optuna-style `objective(trial)`: its suggestions come from the space file, and its reports are measurements."""

from __future__ import annotations

import math
import numbers
from collections.abc import Generator, Sequence
from typing import Any, ClassVar, NoReturn

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Named
from hpsearch.errors import ObjectiveError, TrialStopped
from hpsearch.objectives.base import TrainsOnly, iterate
from hpsearch.objectives.importing import find_function, folder_of
from hpsearch.objectives.way import Way
from hpsearch.text import shown
from hpsearch.trial.handle import Metrics, Trial, inside
from hpsearch.trial.trial import Config

_FIELD = ("objective", "optuna")
_ALLOWED = "a function objective(trial) that returns a number"


class Optuna(ObjectiveSection):
    """An Optuna-style `objective(trial)`: its `suggest_*` calls are answered from the space."""

    can_predict: ClassVar[bool | None] = False

    optuna: Named

    @property
    def can_resume(self) -> bool:
        """No: an Optuna trial has no checkpoint to go on from."""
        return False


class OptunaObjective(TrainsOnly):
    """Calls the user's function once for each trial.

    Args:
        settings: Names it.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: There is no such function, or it can't be called with only a trial.
    """

    what = "an Optuna-style objective"

    def __init__(self, settings: Optuna, extra_path: str | None = None) -> None:
        self._target = find_function(settings.optuna, extra_path, _FIELD, _ALLOWED, ("trial",))

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield what the function reports; if it reports nothing, yield the number that it returns.

        Raises:
            ObjectiveError: It asks for a parameter that the space does not have, or returns no number.
        """
        yield from iterate(self._call, config, trial)

    def _call(self, config: Config, trial: Trial) -> None:
        asked = OptunaTrial(config, trial)
        import optuna  # here, for it takes a second; by now the function's own module has imported it

        try:
            value = self._target(asked)
        except optuna.TrialPruned:
            asked.finish_pruned()
            return
        except TrialStopped:
            asked.hand_over_last()
            return
        asked.finish(value)


OPTUNA = Way(
    key="optuna",
    section=Optuna,
    load=OptunaObjective,
    code_folder=lambda settings, *folders: folder_of(settings.optuna, *folders),
)


class OptunaTrial:
    """Stands in for an `optuna.Trial`.

    Attributes:
        hpsearch: hpsearch's own trial: `seed`, `device`, `dir`, `log`, `save_checkpoint`, `load_checkpoint`.
        number: From 0.
        params: The values that were suggested so far.
        user_attrs: The values of `set_user_attr`, which are in the trial's log too.
    """

    def __init__(self, config: Config, trial: Trial) -> None:
        self.hpsearch = trial
        self.number = trial.number
        self.params: dict[str, Any] = {}
        self.user_attrs: dict[str, Any] = {}
        self._config = config
        self._seen = inside(trial)
        self._shift: int | None = None  # what to add to a step for its epoch
        self._reported: list[float] = []
        self._last: float | None = None  # of the last epoch; it is measured when the function has returned
        self._stopped = False

    def __getattr__(self, name: str) -> NoReturn:
        known = ", ".join(key for key in (*vars(OptunaTrial), *vars(self)) if not key.startswith("_"))
        msg = f"trial.{name} is not there under hpsearch; allowed: {known}"
        raise AttributeError(msg)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the config's number; the bounds are the space file's, whatever these are.

        Raises:
            ObjectiveError: The space has no such parameter, or its value is no number.
        """
        kind = ("qloguniform" if log else "quniform") if step is not None else "loguniform" if log else "uniform"
        value = self._value(name, kind, (low, high, *(() if step is None else (step,))))
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise self._unfit(name, value, "a number")
        return float(value)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the config's integer; the bounds are the space file's, whatever these are.

        Raises:
            ObjectiveError: The space has no such parameter, or its value is no integer.
        """
        kind = f"{'q' if step != 1 else ''}{'log' if log else ''}randint"
        value = self._value(name, kind, (low, high, *((step,) if step != 1 else ())))
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._unfit(name, value, "an integer")
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the config's choice, which has to be one of these.

        Raises:
            ObjectiveError: The space has no such parameter, or its value is not one of the choices.
        """
        value = self._value(name, "choice", choices)
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise self._unfit(name, value, f"one of {', '.join(map(shown, choices))}")
        return value

    def report(self, value: float, step: int) -> None:
        """Measure an epoch.

        Steps count from 0 or from 1, as the first step shows, and increase. After the epoch that ends the trial
        `should_prune()` is true, and one more report ends the function.

        Raises:
            TrialStopped: The trial has ended; don't catch this.
            ObjectiveError: The step does not fit.
        """
        epoch = self._epoch(step)
        self._reported.append(float(value))
        if self._last is not None:
            msg = "the trial has had all its epochs"
            raise TrialStopped(msg)
        if epoch > self._seen.total_epochs:
            msg = f"trial.report was given the step {step}; objective.epochs allows {self._seen.total_epochs} steps"
            raise ObjectiveError(msg)
        self._seen.at_epoch(epoch)
        if epoch == self._seen.total_epochs:
            self._last = float(value)  # the function may still have work to do, which belongs to this trial
            return
        if self._stopped:
            msg = "the trial has to end"
            raise TrialStopped(msg)
        try:
            self.hpsearch.report({self._seen.metric: float(value)})
        except TrialStopped:
            self._stopped = True

    def should_prune(self) -> bool:
        """Return whether to end the trial by `optuna.TrialPruned`. The best value of a stalled trial still counts."""
        return self._stopped

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a value, and write it to the trial's log."""
        self.user_attrs[key] = value
        self.hpsearch.log.info("%s: %s", key, value)

    def finish(self, value: Any) -> None:
        """Take the returned value: the only measurement of a function that reports nothing.

        Raises:
            ObjectiveError: It is no number.
        """
        if isinstance(value, Sequence) and not isinstance(value, str):
            msg = f"the objective returned {len(value)} values; allowed: one number, for a study has one metric"
            raise ObjectiveError(msg)
        try:
            number = float(value)
        except (TypeError, ValueError):
            msg = f"the objective returned {value!r}; allowed: a number"
            raise ObjectiveError(msg) from None
        self._warn_of_unused()
        if not self._reported:
            self.hpsearch.report({self._seen.metric: number})
            return
        if not any(number == seen or (math.isnan(number) and math.isnan(seen)) for seen in self._reported):
            self.hpsearch.log.warning(
                "the objective returned %r, which it never reported; trials are ranked by their best reported value",
                number,
            )
        self.hand_over_last()

    def finish_pruned(self) -> None:
        """Take note of TrialPruned; if the trial did not have to end, it just ends the training."""
        if not self._stopped:
            self.hpsearch.log.warning("the objective raised TrialPruned although should_prune() was false")
        self.hand_over_last()

    def hand_over_last(self) -> None:
        """Measure the last epoch, if the function reached it."""
        if self._last is not None:
            self.hpsearch.report({self._seen.metric: self._last})

    def _epoch(self, step: int) -> int:
        if not isinstance(step, numbers.Integral) or step < 0:
            msg = f"trial.report was given the step {step!r}; allowed: integers from 0 or 1 that increase"
            raise ObjectiveError(msg)
        if self._shift is None:
            self._shift = 1 if step <= self._seen.epoch() else 0
        return int(step) + self._shift

    def _value(self, name: str, kind: str, arguments: Sequence[Any]) -> Any:
        if name not in self._config:
            line = f"{name}: {{{kind}: [{', '.join(map(shown, arguments))}]}}"
            msg = (
                f"the config has no parameter {name!r}, which the objective asks for; add a line to space, "
                f"or correct its `when`:\n  {line}"
            )
            raise ObjectiveError(msg)
        self.params[name] = self._config[name]
        return self._config[name]

    def _unfit(self, name: str, value: Any, allowed: str) -> ObjectiveError:
        return ObjectiveError(f"the space gives {shown(value)} for {name!r}; the objective allows: {allowed}")

    def _warn_of_unused(self) -> None:
        unused = [name for name in self._config if name not in self.params]
        if unused:
            self.hpsearch.log.warning(
                "the objective never asked for %s, so that its value made no difference", ", ".join(unused)
            )
