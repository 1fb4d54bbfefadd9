"""The next configs of a search, and its next round.

Both follow from the store, so a resumed study goes on as if it had never stopped.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.snapshot import place_of
from hpsearch.samplers import Proposal, SpaceSampler, make_sampler
from hpsearch.samplers.auto import AutoChooser, PastConfig
from hpsearch.samplers.edges import Edge
from hpsearch.samplers.rounds import Round, expansion, explored, fitted, planned_rounds, round_of, zoom
from hpsearch.space.space import Space
from hpsearch.trial.trial import Params, Stage


class Proposals:
    """The configs of a search.

    Args:
        study: With its rounds, first configs and trials.
        total: The search's, if a user has changed it; None for the space file's.
    """

    def __init__(self, study: DrivenStudy, total: int | None) -> None:
        self._study, self._total = study, total
        self._config, self._store = study.config, study.store
        self.rounds = study.rounds
        if total is not None:
            self.rounds = fitted(self.rounds, study.config, len(study.store.records(Stage.SEARCH)), total)
        self._first: list[Params] = study.store.get("first", [])
        self._samplers: dict[int, SpaceSampler] = {}

    def space(self, number: int) -> Space:
        """Return the space of a trial's round."""
        return round_of(self.rounds, number)[1].space(self._config.space)

    def draw(self, number: int) -> Params:
        """Return a trial's params, as stored.

        Raises:
            SpaceUsedUpError: No config is left.
        """
        return self.propose(number).params

    def propose(self, number: int) -> Proposal:
        """Return a trial's params, with what the sampler wants to have stored beside them.

        Raises:
            SpaceUsedUpError: No config is left.
            StudyError: The user's sampler fails.
        """
        if number < len(self._first):
            return Proposal(params=Params(dict(self._first[number])))
        position, one = round_of(self.rounds, number)
        sampler = self._samplers.get(position)
        if sampler is None:
            sampler = self._samplers[position] = self._make_sampler(position, one)
        if sampler.adaptive:
            return sampler.proposal(number, self._study.told, self._config.direction)
        return Proposal(params=sampler.draw(number - max(one.start, len(self._first))))

    def _make_sampler(self, position: int, one: Round) -> SpaceSampler:
        space = self._config.space
        earlier = [record.params for record in self._store.records(Stage.SEARCH) if record.number < one.start]
        known = [*self._first, *earlier, *(trial["params"] for trial in self._store.get("warm_start", []))]
        taken = [space.key(params) for params in known if space.is_complete(params)]
        config = self._config
        seed, folder = one.seed(config.seed, position), self._store.get("module_folder")
        folder = folder and place_of(self._study).of(folder)
        sampler = make_sampler(config.search, one.space(space), seed, one.levels, taken, folder)
        if not sampler.adaptive:  # stored configs need not be drawn again to avoid repeats
            stored = (r.params for r in self._store.records(Stage.SEARCH)[max(one.start, len(self._first)) : one.end])
            sampler.recall(itertools.takewhile(one.space(space).is_complete, stored))
        return sampler

    def chooser(self) -> AutoChooser:
        """Return the model of `sampler: auto`, which chooses all configs of the one round."""
        space, known = self._config.space, self._store.get("warm_start", [])
        return AutoChooser(
            space,
            self._config.seed,
            self.rounds[-1].epochs,
            self._config.direction,
            taken=[space.key(one["params"]) for one in known if space.is_complete(one["params"])],
            first=self._first,
            past=[PastConfig(params=one["params"], value=one["value"]) for one in known if one["value"] is not None],
        )

    def next_round(self) -> tuple[Round | None, list[Edge]]:
        """Return the next round, or None, and the edges that it moves; all trials so far have ended."""
        if self._end is not None:
            return None, []
        if self._total is None:
            edges = self._study.edges(self.rounds)
            following = expansion(self._config, self.rounds, edges)
            if following is not None:
                return following, [edge for edge in edges if edge.proposed != edge.bound]
        if self._is_used_up:
            return None, []
        past = self._study.past
        return zoom(self._config, self.rounds, past, self._config.direction, self._total), []

    @property
    def _is_used_up(self) -> bool:
        """Whether no config of the whole space is left; a round with its own bounds covers only a part."""
        return bool(self._store.get("used_up")) and not self.rounds[-1].bounds

    @property
    def _end(self) -> int | None:
        """The number of trials, if the budget has ended the search."""
        end: int | None = self._store.get("search_end")
        return end

    def numbers(self, one: Round) -> range:
        """Return the numbers of a round's trials, as far as the budget allows."""
        return range(one.start, one.end if self._end is None else min(one.end, self._end))

    @property
    def total(self) -> int:
        """The search's total, as far as is known."""
        return self.planned_total if self._end is None else self._end

    @property
    def planned_total(self) -> int:
        """The search's total if the budget does not end it."""
        last = self.rounds[-1]
        if self._total is not None and not self._store.get("used_up"):
            return max(self._total, last.end)
        following = [] if self._is_used_up else planned_rounds(self._config.search)[last.planned + 1 :]
        return last.end + sum(one.trials for one in following)

    @property
    def explored(self) -> Space:
        """The space with bounds around everything sampled."""
        return explored(self._config.space, self.rounds)

    @property
    def unfinished(self) -> Round:
        """The last round; earlier ones had ended when it began."""
        return self.rounds[-1]

    def begin(self, following: Round) -> None:
        """Store a round before its first trial, for its bounds depend on the trials so far."""
        self.rounds.append(following)
        if self._store.get("used_up"):
            self._store.put("used_up", False)  # noqa: FBT003 - an attribute's value
        self._put_rounds()

    def use_up(self, count: int) -> bool:
        """Store that the last round has no config for trial `count` and later ones.

        Returns:
            Whether the whole space has none left.
        """
        self.rounds[-1] = replace(self.rounds[-1], trials=count - self.rounds[-1].start)
        self._store.put("used_up", True)  # noqa: FBT003 - an attribute's value
        self._put_rounds()
        return self._is_used_up

    def end(self, count: int) -> None:
        """Store that the search ends after `count` trials, for the budget has no room for more."""
        self._store.put("search_end", count)
        self._store.put("trials", count)

    def _put_rounds(self) -> None:
        # The rounds come last: after a kill before that, a resume finds the same rounds again.
        self._store.put("trials", self.total)
        self._store.put("rounds", [one.as_dict() for one in self.rounds])
