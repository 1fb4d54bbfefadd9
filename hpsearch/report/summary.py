"""The summary at the end of a study, and the plan before it starts."""

from __future__ import annotations

import itertools
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from hpsearch.config.budget import Limits
from hpsearch.config.config import StudyConfig
from hpsearch.report.layout import FirstThatFits, cell, facts, facts_table, heading, whole
from hpsearch.report.paths import shown_path, shown_store, study_argument
from hpsearch.report.region import first_in_words, region
from hpsearch.report.results import ensemble_table, finalists_table, leaderboard
from hpsearch.samplers.rounds import first_round, planned_lengths, trials_of_expansion
from hpsearch.selection.enough import Worth
from hpsearch.selection.rules import rival_rule
from hpsearch.study.going_on import is_enough, worth_of
from hpsearch.study.outcome import known_total
from hpsearch.study.pruning import Pruning, pruning_of
from hpsearch.study.study import Study
from hpsearch.text import counted, format_duration, format_value, mean_and_std, value_format
from hpsearch.trial.trial import Stage, State, StopReason

_LEADERS = 5


def study_summary(study: Study, top_n: int = _LEADERS) -> RenderableType:
    """Return all results of a study, the places of its files, and commands to go on with.

    Args:
        top_n: The largest number of search trials.
    """
    sections: list[tuple[str, RenderableType]] = [("Search", leaderboard(study, top_n))]
    if study.config.finalists is not None:
        sections.append(("Finalists", finalists_table(study)))
    if study.config.ensemble is not None and study.ensemble is not None:
        sections.append(("Ensemble", ensemble_table(study)))
    tight = region(study)
    if tight is not None:
        sections.append(("Bounds", tight))
    sections.append(("Files", _files(study)))
    sections.append(("Next", _next(study)))
    parts: list[RenderableType] = [heading(f"Study {study.name}: {study.state}"), _overview(study)]
    for name, content in sections:
        parts += [Text(""), heading(name), content]
    return Group(*parts)


def _overview(study: Study) -> RenderableType:
    rows = [
        ("metric", f"{study.config.metric}, {study.config.direction}"),
        ("trials", _counts(study)),
        _best(study),
    ]
    if study.limits.any or study.store.get("spent"):
        rows.append(("spent", _spent(study)))
    pruning = pruning_of(study)
    if pruning is not None:
        rows.append(("pruning", _pruning(pruning)))
    worth = worth_of(study, study.rounds)
    if worth is not None:
        rows.append(("going on", _going_on(worth)))
    first = first_in_words(study)
    return facts([*rows, ("first", first)] if first else rows)


def _counts(study: Study) -> str:
    records = study.store.records(Stage.SEARCH)
    ended = sum(record.state is not State.RUNNING for record in records)
    counts = [(reason.value, sum(r.stop_reason is reason for r in records)) for reason in StopReason]
    paused = sum(record.paused_at is not None for record in records)
    counts += [("paused", paused), ("running", len(records) - ended - paused)]
    found = ", ".join(f"{count} {name}" for name, count in counts if count)
    why = "; the space is used up" if study.store.get("used_up") else ""
    if study.store.get("search_end") is not None:
        why += "; going on was not worth it" if is_enough(study) else "; the budget ended the search"
    total = study.total
    return f"{ended}{'' if total is None else f' of {total}'}{f': {found}' if found else ''}{why}"


def _pruning(found: Pruning) -> str:
    saved = f"{counted(found.outclassed, 'trial')} ended early saved {counted(found.epochs, 'epoch')}"
    text = f"{saved}, about {format_duration(found.seconds)}"
    audit = found.audit
    if audit is None:
        return text
    low, high = (f"{share * 100:.0f}" for share in audit.ci95)
    by = f" by up to {format_value(audit.regret)}" if audit.better else ""
    what = f"{audit.better} of {audit.trials} trained on would have been the best{by}"
    return f"{text}; audit: {what} (95 %: {low} to {high} % of all that a rule ends)"


def _going_on(worth: Worth) -> str:
    return f"{worth}{': enough' if worth.enough else ''}"


def _spent(study: Study) -> str:
    limits = str(study.limits)
    return f"{study.spent}{f' (budget: {limits})' if limits else ''}"


def _best(study: Study) -> tuple[str, str]:
    best = study.best
    if best is None:
        return "best", "none yet"
    text = mean_and_std(best.mean, best.std, value_format([best.mean]))
    over = f"mean over {counted(best.n, 'seed')}" if best.n else "in the search, with one seed"
    return "best", f"trial {best.trial}, {study.config.metric} {text}, {over}"


def _files(study: Study) -> RenderableType:
    rows = [("study", shown_path(study.folder)), ("store", shown_store(study.folder))]
    return FirstThatFits(facts_table(rows), Group(*(whole(f"{name}  {place}") for name, place in rows)))


def _next(study: Study) -> RenderableType:
    typed = study_argument(study)
    rows = []
    if study.state != "done":
        rows.append((f"hpsearch resume {typed}", "go on where it stopped"))
    best = study.best
    if best is not None:
        rows.append((f"hpsearch show {typed} --trial {best.trial}", "the best trial in full"))
        rows.append((f"hpsearch export {typed} --to best.yaml", "its config, for the training repo"))
    if study.state == "done":
        rows.append((f"hpsearch resume {typed} {_more(study)}", "search on, to a new total"))
    commands = Group(*(whole(command) for command, _ in rows))
    return FirstThatFits(facts_table([(command, cell(what, "dim")) for command, what in rows], style=""), commands)


def _more(study: Study) -> str:
    """Return an option that lets a finished study go on."""
    limits, total = study.limits, study.total
    if study.store.get("search_end") is None or limits.trials == total or is_enough(study):
        return f"--trials {2 * (total or len(study.store.records(Stage.SEARCH)))}"
    return f"--budget {limits.doubled}"


def plan_line(
    config: StudyConfig,
    trials: int,
    workers_text: str,
    *,
    can_predict: bool | None = None,
    limits: Limits | None = None,
) -> str:
    """Return on one line what a study will train.

    Args:
        trials: The search's total.
        workers_text: What it trains on, such as `4 GPUs`.
        can_predict: Whether the objective can predict; None if only its section is known.
        limits: What the study may spend; None for no budget.
    """
    limits = limits or Limits()
    known = known_total(config, trials, limits)
    epochs = counted(config.objective.epochs, "epoch")
    parts = [f"as many trials x {epochs} as fit"] if known is None else _plan_of_search(config, known)
    if config.finalists is not None:
        count = min(config.finalists.configs, trials) * config.finalists.seeds
        parts.append(f"{counted(count, 'finalist')} x {epochs}")
    budget = str(replace(limits, trials=None))
    within = f" within {budget}" if budget else ""
    return f"{' + '.join(parts)} on {workers_text}{within}{_plan_of_ensemble(config, can_predict=can_predict)}"


def _plan_of_search(config: StudyConfig, trials: int) -> list[str]:
    """Return the search's trials, grouped by their epochs; with sampler auto, the most of both."""
    if config.search.sampler == "auto":
        epochs = config.search.auto_epochs(trials, config.objective.epochs)
        return [f"up to {counted(trials, 'trial')}, {counted(epochs, 'epoch')} in all"]
    lengths = planned_lengths(config, [first_round(config)], trials)
    same = itertools.groupby(lengths, key=lambda pair: pair[0])
    groups = [(epochs, sum(count for _, count in pairs)) for epochs, pairs in same]
    parts = [f"{counted(count, 'trial')} x {_lengths(config, epochs, count)}" for epochs, count in groups]
    if config.search.expand is not None:
        more = config.search.expand.rounds * trials_of_expansion(config.search)
        parts.append(f"up to {counted(more, 'trial')} more beyond bounds that are too tight")
    return parts


def _lengths(config: StudyConfig, epochs: int, trials: int) -> str:
    """Return how long trials are trained: at most all epochs, if a rule compares rivals."""
    rule = rival_rule(config, epochs, 0, trials, config.direction)
    first = epochs if rule is None else rule.rungs(0)[0]
    return counted(epochs, "epoch") if first == epochs else f"{first} to {counted(epochs, 'epoch')}"


def _plan_of_ensemble(config: StudyConfig, *, can_predict: bool | None) -> str:
    if can_predict is None:
        can_predict = config.objective.can_predict
    if config.ensemble is None or can_predict is False:
        return ""
    condition = "" if can_predict else ", if the objective can predict"
    return f", then an ensemble of up to {counted(config.ensemble.members, 'member')}{condition}"
