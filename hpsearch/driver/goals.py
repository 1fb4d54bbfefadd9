"""The goals of a study: the search's total and the budget. They are stored before anything depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.config.budget import Limits, parse_changes
from hpsearch.config.config import StudyConfig
from hpsearch.driver.driven import DrivenStudy
from hpsearch.errors import InputError
from hpsearch.study.going_on import ENOUGH
from hpsearch.study.study import Study
from hpsearch.trial.trial import Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Goals:
    """New goals of a study.

    Attributes:
        trials: The search's total; None to keep it.
        budget: Limits by name, from `parse_changes`; the others stay.
    """

    trials: int | None = None
    budget: Mapping[str, Any] | None = None

    @classmethod
    def given(cls, trials: int | None, budget: str | None) -> Goals:
        """Return the goals of `--trials` and `--budget`.

        Raises:
            InputError: One of them is wrong.
        """
        if trials is not None and trials < 1:
            raise InputError(f"--trials {trials}: allowed: 1 or more")
        return cls(trials=trials, budget=None if budget is None else parse_changes(budget))

    def limits(self, study: Study) -> Limits:
        """Return the study's limits from now on."""
        return _limits_so_far(study).changed(self.budget or {})

    def total(self, study: DrivenStudy) -> int:
        """Return the search's total from now on."""
        total: int | None = self.trials or study.store.get("trials_given")
        if total is None and self._reopens(study):
            from hpsearch.driver.proposals import Proposals  # Optuna

            return Proposals(study, None).planned_total
        return int(total or study.store.get("trials"))

    def _reopens(self, study: Study) -> bool:
        """Return whether stages that the budget has ended may go on."""
        return self.trials is not None or self.limits(study) != _limits_so_far(study)

    def settle(self, study: DrivenStudy) -> int:
        """Store the goals. The budget comes last, so that after a kill the same resume does all of it again.

        Returns:
            The search's total.
        """
        total, limits = self.total(study), self.limits(study)
        if self.trials is not None:
            study.store.put("trials_given", self.trials)  # first: a resume after a kill goes on from it
        ended = [key for key in ("search_end", "finalists_end") if study.store.get(key)]
        enough = study.store.get(ENOUGH)
        enough = enough if enough and enough["ended"] else None
        reopened = bool(ended or enough) and self._reopens(study)
        if reopened or total > len(study.store.records(Stage.SEARCH)):
            study.store.put("done", False)  # noqa: FBT003 - an attribute's value
        study.store.put("trials", total)
        if reopened and enough:
            study.store.put(ENOUGH, {**enough, "ended": False})
        for key in ended if reopened else ():
            study.store.put(key, None)
        if limits != study.limits:
            study.store.put("budget", limits.as_dict())
        return total


def _limits_so_far(study: Study) -> Limits:
    if study.store.get("budget") is not None or study.config.budget is None:
        return study.limits
    return study.config.budget.limits


def check_limits(limits: Limits, config: StudyConfig, *, gpus: bool) -> str:
    """Check that a budget ends its study.

    Args:
        gpus: Whether trials have GPUs.

    Returns:
        A notice, or an empty text.

    Raises:
        InputError: Nothing would end the search.
    """
    idle = limits.gpu_s is not None and not gpus
    ends = limits.changed({"gpu_s": None}).any if not gpus else limits.any
    if config.search.is_open and not ends:
        found = "budget.gpu_hours: CPU workers spend none, and nothing else ends" if idle else "nothing would end"
        raise InputError(f"{found} the search; allowed: another limit (--budget 2h), or search.trials")
    return "budget.gpu_hours limits nothing here: CPU workers spend no GPU hours" if idle else ""
