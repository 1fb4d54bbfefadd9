"""What can be told of a study before anything is trained: what its command does not learn, and which parts can't act.

Each line is sure: a part that might act by luck is not named.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from hpsearch.config.config import StudyConfig
from hpsearch.config.prune import Prune
from hpsearch.config.sampler_section import SamplerClass
from hpsearch.driver.driven import DrivenStudy
from hpsearch.objectives.loading import cautions
from hpsearch.samplers.edges import FEWEST_WITH_VALUE
from hpsearch.samplers.rounds import first_round, planned_lengths, planned_rounds
from hpsearch.selection.enough import FEWEST_TRIALS
from hpsearch.selection.rules import FEWEST, rival_rule
from hpsearch.space.distributions import Range
from hpsearch.study.outcome import known_total
from hpsearch.text import counted

_STARTS = "n_startup_trials"  # what Optuna's samplers call the trials before their models


def foresight(study: DrivenStudy, total: int) -> list[str]:
    """Return what to know of a new study, a line each.

    Args:
        total: The search's.
    """
    trials = known_total(study.config, total, study.limits)
    lines = cautions(study.config)
    if trials is not None:
        lines += [*_of_sampler(study, trials), *_of_rounds(study.config, trials), *_of_expand(study, trials, total)]
        lines += _of_prune(study.config, trials)
    return [*lines, *_of_stop(study, trials)]


def _of_sampler(study: DrivenStudy, trials: int) -> Iterator[str]:
    """Say how few configs a model proposes, if it proposes less than half of them."""
    sampler = study.config.search.sampler
    name = sampler if isinstance(sampler, str) else sampler.optuna
    start, before = _start(study, sampler)
    if trials <= start:
        yield f"search.sampler {name} never acts: {before}, and the search has {trials}"
    elif trials < 2 * start:
        yield f"search.sampler {name} acts in at most {trials - start} of {trials} trials: {before}"


def _start(study: DrivenStudy, sampler: str | SamplerClass) -> tuple[int, str]:
    """Return how many trials a sampler draws without its model, and the same in words; 0 if that is not known."""
    if not isinstance(sampler, str):
        count = _start_of_class(study, sampler)
        return count, f"{_STARTS} lets it draw {counted(count, 'config')} at random first"
    if sampler == "auto":
        from hpsearch.driver.proposals import Proposals

        count = Proposals(study, None).chooser().designed
        return count, f"{counted(count, 'config')} come before its model's"
    if sampler not in ("tpe", "gp"):
        return 0, ""
    from hpsearch.samplers.adaptive import START_UP

    count = START_UP - len(study.store.get("warm_start", []))
    return count, f"{counted(count, 'config')} are Sobol points, before its model is asked"


def _start_of_class(study: DrivenStudy, sampler: SamplerClass) -> int:
    from hpsearch.samplers.optuna_class import load_class

    kind = load_class(sampler, study.store.get("module_folder")).kind
    try:
        known = inspect.signature(kind).parameters.get(_STARTS)
    except (TypeError, ValueError):
        return 0  # compiled code may have no signature
    count = sampler.arguments.get(_STARTS, None if known is None else known.default)
    return count - len(study.store.get("warm_start", [])) if isinstance(count, int) else 0


def _of_rounds(config: StudyConfig, trials: int) -> Iterator[str]:
    planned = planned_rounds(config.search)
    starts = [sum(one.trials for one in planned[:at]) for at in range(len(planned))]
    begun = sum(start < trials for start in starts)
    count = len(config.search.rounds)
    if begun < count:
        yield f"search.rounds: {begun} of {count} can begin in {counted(trials, 'trial')}"
    for at in range(1, begun if count else 0):
        if starts[at] <= planned[at].around:
            yield (
                f"search.rounds: round {at + 1} lies around all {counted(starts[at], 'trial')} before it, for its "
                f"around is {planned[at].around}"
            )


def _of_expand(study: DrivenStudy, trials: int, total: int) -> Iterator[str]:
    if study.config.search.expand is None:
        return
    limit, known = study.limits.trials, trials + len(study.store.get("warm_start", []))
    if not any(isinstance(axis, Range) for axis in study.config.space.parameters.values()):
        yield "search.expand never acts: the space has no range that could grow"
    elif limit is not None and limit <= total:
        yield f"search.expand never acts: it comes after the last trial, and budget.trials ends the search at {limit}"
    elif known < FEWEST_WITH_VALUE:
        yield f"search.expand never acts: it needs {FEWEST_WITH_VALUE} trials with a value, and there are {known}"


def _of_prune(config: StudyConfig, trials: int) -> Iterator[str]:
    """Name the rules of the file that can end no trial; a file that says nothing of `prune` expects nothing."""
    prune = config.prune
    if prune is None or "prune" not in config.raw:
        return
    rounds = planned_lengths(config, [first_round(config)], trials)
    longest = max(epochs for epochs, _ in rounds)
    stall = prune.stall if prune.is_auto or "stall" in prune.model_fields_set else None
    if stall is not None and not any(
        max(1, stall.warmup) + stall.patience_epochs(epochs) < epochs for epochs, _ in rounds
    ):
        patience = stall.patience_epochs(longest)
        yield (
            f"prune.stall never acts: it waits {counted(patience, 'epoch')} for a new best, and trials have {longest}"
        )
    if config.search.sampler != "auto" and not any(_compares(config, prune, *one) for one in rounds):
        yield from _silent_rule(prune, longest, max(count for _, count in rounds))


def _compares(config: StudyConfig, prune: Prune, epochs: int, trials: int) -> bool:
    """Return whether a rule may end a trial of a round by its rivals."""
    rule = rival_rule(config, epochs, 0, trials, config.direction)
    if rule is None or all(rule.rungs(number)[0] == epochs for number in range(trials)):
        return False
    if prune.median is not None:
        return trials > prune.median.min_trials
    if prune.screen is not None:
        return trials > prune.screen.keep
    return prune.asha is None or prune.asha.mode == "promote" or trials >= prune.asha.eta


def _silent_rule(prune: Prune, epochs: int, trials: int) -> Iterator[str]:
    here = f"a round here has {counted(trials, 'trial')} of {counted(epochs, 'epoch')}"
    if prune.is_auto:
        yield f"prune auto compares no trials: it needs {FEWEST} trials of {FEWEST} epochs in a round, and {here}"
    elif prune.rival_rule is not None:
        yield f"prune.{prune.rival_rule} never acts: {here}"


def _of_stop(study: DrivenStudy, trials: int | None) -> Iterator[str]:
    if study.limits.stop != "auto":
        return
    if trials is not None and trials < FEWEST_TRIALS:
        yield f"budget.stop auto never acts: it judges from {FEWEST_TRIALS} trials on, and the search has {trials}"
    else:
        yield f"budget.stop auto may end the search early, from {FEWEST_TRIALS} trials on"
