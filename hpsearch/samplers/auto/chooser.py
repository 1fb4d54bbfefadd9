"""The chooser of `sampler: auto`: what each free worker trains next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hpsearch.samplers.auto.history import History
from hpsearch.samplers.auto.outlook import outlook
from hpsearch.samplers.auto.seen import Choice, Outlook, PastConfig, Seen
from hpsearch.samplers.auto.setting import Setting
from hpsearch.samplers.auto.threads import one_thread
from hpsearch.samplers.auto.turn import Turn
from hpsearch.samplers.base import Key
from hpsearch.space.space import Space
from hpsearch.trial.trial import Direction, Params


class AutoChooser:
    """Chooses between going on with a paused trial and starting a new config, at the end of each leg.

    It begins with given configs, the centre of the space and Sobol points. Later a Gaussian process of (config, epoch)
    says by expected improvement at the last epoch which trial or config is worth the next leg. Three of four decisions
    go to the band of depth with the least training so far, so that neither short nor long trials take over. All answers
    are pure functions of the arguments; a chooser keeps nothing but caches, so a new one gives the same answers.

    Args:
        space: Of the configs.
        seed: In [0, 2**32).
        epochs: Of a full training, at least 1.
        direction: Of the metric.
        taken: Keys (`Space.key`) of configs to leave out.
        first: Given configs, as stored, for the trials from number 0 on.
        past: Configs of earlier studies of the same space, for the model to begin with.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        epochs: int,
        direction: Direction,
        *,
        taken: Collection[Key] = (),
        first: Sequence[Params] = (),
        past: Sequence[PastConfig] = (),
    ) -> None:
        self._setting = Setting(space, seed, epochs, direction, taken, first, past)

    @property
    def ladder(self) -> tuple[int, ...]:
        """The epochs at which legs end, ascending; the last is the full length."""
        return self._setting.ladder

    @property
    def designed(self) -> int:
        """How many trials begin before the model proposes a config; more if none of them has learned."""
        return self._setting.designed

    def choose(self, trials: Sequence[Seen], count: int, *, most_new: int | None = None) -> list[Choice]:
        """Return what the next free workers train: a pure function of its arguments and the chooser's.

        A trial that runs or has ended is never chosen, none is chosen twice, and new configs never repeat. Several
        choices cost little more than one.

        Args:
            trials: All that have begun, in any order.
            count: How many workers are free.
            most_new: How many new trials may begin; None for any number.

        Returns:
            At most `count`; fewer if no paused trial is left, and no new one may begin or the space is used up.
        """
        turn = Turn(self._setting, History(self._setting, trials))
        choices: list[Choice] = []
        with one_thread():
            while len(choices) < count:
                choice = turn.next(may_start=most_new is None or turn.started < most_new)
                if choice is None:
                    break
                choices.append(choice)
        return choices

    def outlook(self, trials: Sequence[Seen]) -> Outlook | None:
        """Return what going on is worth, by the model; None while there are too few measurements for one.

        Args:
            trials: All that have begun, in any order.
        """
        with one_thread():
            return outlook(self._setting, History(self._setting, trials))
