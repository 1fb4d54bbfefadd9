"""Any sampler that is written for Optuna proposes the configs of a space."""

from __future__ import annotations

import json
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study

from hpsearch.errors import FieldError, StudyError
from hpsearch.samplers.adaptive import AdaptiveSampler, as_trained, ask_one_by_one, frozen_trial, quiet
from hpsearch.samplers.base import Key
from hpsearch.samplers.optuna_class import FIELD, OptunaClass, missing_package
from hpsearch.samplers.past import Past, Proposal
from hpsearch.samplers.sobol import SobolSampler
from hpsearch.space.space import Space
from hpsearch.text import shown
from hpsearch.trial.seeding import derive_seed, unit
from hpsearch.trial.trial import Direction, Params

_REHEARSED = 20  # invented trials: most samplers have ten of their own draws before they model anything


class OptunaSampler(AdaptiveSampler):
    """Asks an Optuna sampler, which is made anew for each config, as in a study that has had the trials so far.

    What a sampler keeps in Optuna's system attributes (the state of CMA-ES, a generation, the place in a sequence) is
    noted with its proposal, and is there again when the next one is asked for. What it keeps in itself is lost.

    Args:
        space: The space to draw from. The sampler does not see trials outside of its bounds.
        seed: In [0, 2**32).
        made: Makes the sampler.
        taken: Keys (`Space.key`) of configs to leave out.
    """

    kind = "optuna"

    def __init__(self, space: Space, seed: int, made: OptunaClass, taken: Collection[Key] = ()) -> None:
        super().__init__(space, seed, taken)
        self._made = made

    def rehearse(self, direction: Direction) -> None:
        """Ask for a first config, and for one after a few invented trials.

        Raises:
            FieldError: The sampler fails, needs a package that is not there, or leaves the space.
        """
        sobol = SobolSampler(self.space, self.seed)
        count = int(min(_REHEARSED, self.space.size))
        invented = [
            Past(params=self.space.only_active(sobol.candidate(at, 0)), value=unit(self.seed, "rehearsal", at))
            for at in range(count)
        ]
        for known in ([], invented):
            try:
                self._asked(len(known), known, [], direction)
            except ImportError as error:
                raise missing_package(self._made.name, error) from error
            except Exception as error:
                problem = f"{self._made.name} proposes no config of this space: {_in_words(error)}"
                raise FieldError((*FIELD, "optuna"), problem, "a sampler that takes this space") from error

    def _is_ready(self, known: Sequence[Past]) -> bool:
        """Return that it is: the class begins in its own way."""
        del known
        return True

    def _model(self, seed: int) -> BaseSampler:
        return self._made.make(seed)

    def _data(self, past: Sequence[Past], direction: Direction) -> list[Past]:
        """Return the trials with a value for those that have failed: many samplers look at complete trials only."""
        scores = [direction.sign * one.value for one in past if one.value is not None]
        if not scores:
            return list(past)
        worst = direction.sign * min(scores)
        return [replace(one, value=worst) if one.value is None and not one.running else one for one in past]

    def _ask(self, study: Study) -> Params:
        trial = study.ask()
        ask_one_by_one(self.space, trial)
        params = Params(trial.params)  # as Optuna stores them: plain numbers, and choices by name
        if as_trained(self.space, params) is None:
            msg = f"it proposes {shown(dict(params))}, which is outside of the space"
            raise ValueError(msg)
        return params

    def _proposed(self, number: int, known: Sequence[Past], refused: Sequence[Past], direction: Direction) -> Proposal:
        """Return what the sampler proposes.

        Raises:
            StudyError: It fails.
        """
        try:
            return self._asked(number, known, refused, direction)
        except Exception as error:
            msg = f"search.sampler: {self._made.name} proposes no config for trial {number}: {_in_words(error)}"
            raise StudyError(msg) from error

    def _asked(self, number: int, known: Sequence[Past], refused: Sequence[Past], direction: Direction) -> Proposal:
        known, refused = self._own(known), self._own(refused)
        before = _noted(known)
        # A key that is the same for all numbers gives one seed, one for each number gives many.
        key = () if self._made.has_one_seed else (number, len(refused))
        with quiet():  # some samplers also log in the middle of a proposal
            storage = InMemoryStorage()
            model = self._model(derive_seed(self.seed, self.kind, *key))
            study = optuna.create_study(storage=storage, sampler=model, direction=direction.value)
            study_id = storage.get_study_id_from_name(study.study_name)
            for name, value in (before | _noted(refused)).items():
                storage.set_study_system_attr(study_id, name, value)
            study.add_trials(frozen_trial(self.space, one) for one in self._data([*known, *refused], direction))
            params = self.space.only_active(self._ask(study))
        after = storage.get_study_system_attrs(study_id)
        asked = {
            "trial": study.trials[-1].system_attrs,
            "study": {name: value for name, value in after.items() if name not in before or before[name] != value},
        }
        asked = {name: json.loads(json.dumps(noted)) for name, noted in asked.items() if noted}
        return Proposal(params=params, asked={"seed": self.seed, **asked} if asked else {})

    def _own(self, past: Sequence[Past]) -> list[Past]:
        """Return trials without the notes of other rounds: these had other bounds, and count trials differently."""
        return [one if one.asked.get("seed") == self.seed else replace(one, asked={}) for one in past]


def _noted(past: Sequence[Past]) -> dict[str, Any]:
    """Return the study's attributes after some proposals."""
    found: dict[str, Any] = {}
    for one in past:
        noted: Mapping[str, Any] = one.asked.get("study", {})
        found |= noted
    return found


def _in_words(error: Exception) -> str:
    """Return an error in a line, with where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    reason = " ".join(line.strip() for line in traceback.format_exception_only(error))
    return f"{frames[-1].filename}:{frames[-1].lineno}: {reason}" if frames else reason
