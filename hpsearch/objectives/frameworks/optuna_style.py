"""An Optuna-style `objective(trial)`: what it suggests is answered from the space file, what it reports is measured."""

from __future__ import annotations

import math
import numbers
from collections.abc import Generator, Sequence
from typing import Any, NoReturn

from hpsearch.config.objectives import Optuna
from hpsearch.errors import FieldError, ObjectiveError, TrialStopped
from hpsearch.objectives.base import Metrics, Trial, inside, iterate
from hpsearch.objectives.importing import check_arguments, find
from hpsearch.text import shown
from hpsearch.trial.trial import Config

_FIELD = ("objective", "optuna")
_ALLOWED = "a function objective(trial) that returns a number"


class OptunaObjective:
    """Calls the user's function once for each trial.

    Args:
        settings: Names it.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: There is no such function, or it can't be called with a trial alone.
    """

    can_predict = False

    def __init__(self, settings: Optuna, extra_path: str | None = None) -> None:
        target = find(settings.optuna, extra_path, _FIELD, _ALLOWED)
        if not callable(target):
            raise FieldError(_FIELD, f"{settings.optuna} is a {type(target).__name__}, which can't be called", _ALLOWED)
        check_arguments(target, _FIELD, settings.optuna, ("trial",))
        self._target = target

    def setup(self, device: str) -> None:
        """Do nothing: the function is all there is."""

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield what the function reports, or in the end what it returns if it reports nothing.

        Raises:
            ObjectiveError: It asks for what the space does not have, or returns no number.
        """
        yield from iterate(self._call, config, trial)

    def _call(self, config: Config, trial: Trial) -> None:
        asked = OptunaTrial(config, trial)
        import optuna  # no sooner: it takes a second, and the function's own module has imported it

        try:
            value = self._target(asked)
        except optuna.TrialPruned:
            asked.finish_pruned()
            return
        except TrialStopped:
            asked.hand_over_last()
            return
        asked.finish(value)

    def predict(self, checkpoint: Any, split: str) -> NoReturn:
        """Refuse: an Optuna-style objective has no way to be asked for predictions.

        Raises:
            ObjectiveError: Always.
        """
        del checkpoint, split  # of no use here
        msg = "an Optuna-style objective can't predict"
        raise ObjectiveError(msg)


class OptunaTrial:
    """What the user's function gets for an `optuna.Trial`.

    Attributes:
        hpsearch: hpsearch's own trial: `seed`, `device`, `dir`, `log`, `save_checkpoint`, `load_checkpoint`.
        number: From 0.
        params: What was suggested so far.
        user_attrs: What `set_user_attr` was given; the trial's log has them.
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
        self._last: float | None = None  # the value of the last epoch, which is handed over when the function returns
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
            ObjectiveError: The space has no such parameter, or the config no number there.
        """
        kind = ("qloguniform" if log else "quniform") if step is not None else "loguniform" if log else "uniform"
        value = self._value(name, kind, (low, high, *(() if step is None else (step,))))
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise self._unfit(name, value, "a number")
        return float(value)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the config's integer; the bounds are the space file's, whatever these are.

        Raises:
            ObjectiveError: The space has no such parameter, or the config no integer there.
        """
        kind = f"{'q' if step != 1 else ''}{'log' if log else ''}randint"
        value = self._value(name, kind, (low, high, *((step,) if step != 1 else ())))
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._unfit(name, value, "an integer")
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the config's choice, which has to be one of these.

        Raises:
            ObjectiveError: The space has no such parameter, or the config something else there.
        """
        value = self._value(name, "choice", choices)
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise self._unfit(name, value, f"one of {', '.join(map(shown, choices))}")
        return value

    def report(self, value: float, step: int) -> None:
        """Measure an epoch.

        Steps count from 0 or from 1, as the first one says, and increase. After the epoch that ends the trial
        `should_prune()` is true; a report after that ends the function.

        Raises:
            TrialStopped: The trial has ended; let it pass.
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
            self._last = float(value)  # what the function does after its last epoch still belongs to this trial
            return
        if self._stopped:
            msg = "the trial is to end"
            raise TrialStopped(msg)
        try:
            self.hpsearch.report({self._seen.metric: float(value)})
        except TrialStopped:
            self._stopped = True

    def should_prune(self) -> bool:
        """Return whether the trial is to end: raise `optuna.TrialPruned`. Its best value counts, if it has stalled."""
        return self._stopped

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a value, and write it to the trial's log."""
        self.user_attrs[key] = value
        self.hpsearch.log.info("%s: %s", key, value)

    def finish(self, value: Any) -> None:
        """Take what the function returned: the only measurement of a function that reports nothing.

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
        """Take that the function raised TrialPruned; on its own account, that is only the end of its training."""
        if not self._stopped:
            self.hpsearch.log.warning("the objective raised TrialPruned although should_prune() was false")
        self.hand_over_last()

    def hand_over_last(self) -> None:
        """Measure the last epoch, if the function got so far."""
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
