"""A space file that was edited after its study was made: its changes, and those that the study takes.

A study's goals (the search's trials, the budget) may change at any time, and so may fields that touch no result. New
bounds of ranges need `--force`: they begin a round of the search, so that the bounds of each trial stay stored. After
any other change, earlier and later values could not be compared; that needs another study.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpsearch.config.budget import Limits
from hpsearch.config.config import StudyConfig
from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.goals import Goals
from hpsearch.errors import InputError
from hpsearch.objectives.loading import check_objective
from hpsearch.objectives.space_files import file_content, parse_config
from hpsearch.samplers.levels import choose_levels
from hpsearch.samplers.rounds import Round, fitted
from hpsearch.space.distributions import Range
from hpsearch.space.space import Bounds
from hpsearch.store.reader import StoreReader
from hpsearch.study.study import Study
from hpsearch.trial.trial import Stage

WRITTEN = "written"  # an attribute: the file's content without `--set`; None if that is the same
_EDITS = "edits"
_ABSENT = "(not there)"
_LONGEST = 100

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A field with a new value; `_ABSENT` stands for a field that is not there."""

    keys: Keys
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.keys)}: {_text(self.old)} -> {_text(self.new)}"


def _text(value: Any) -> str:
    text = value if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def changes(old: Mapping[str, Any], new: Mapping[str, Any], above: Keys = ()) -> Iterator[Change]:
    """Yield the changes between two contents of a space file, field by field; a parameter is one field."""
    for name in [*old, *(name for name in new if name not in old)]:
        keys = (*above, name)
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if before == after:
            continue
        one, other = ({} if value is _ABSENT else value for value in (before, after))
        if isinstance(one, Mapping) and isinstance(other, Mapping) and above != ("space",):
            yield from changes(one, other, keys)
        else:
            yield Change(keys, before, after)


@dataclass(frozen=True, slots=True)
class Edit:
    """The changes that a study takes from its edited space file and from the command.

    Attributes:
        config: The study's from now on, still with its first bounds.
        goals: The new total and budget.
        changes: Of the file; empty if there are none.
        bounds: New bounds for further trials.
        accepted: The content to compare the next edit with.
    """

    config: StudyConfig
    goals: Goals = field(default_factory=Goals)
    changes: Sequence[Change] = ()
    bounds: Bounds = field(default_factory=dict)
    accepted: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "; ".join(map(str, self.changes))

    def settle(self, study: DrivenStudy, total: int) -> None:
        """Store the edit. `accepted` comes last, so that after a kill the same command does all of it again.

        Args:
            total: Trials of the search from now on.

        Raises:
            InputError: There are new bounds, but no further trial.
        """
        if not self.changes:
            return
        store = study.store
        begun = len(store.records(Stage.SEARCH))
        if self.bounds:
            self._begin_round(study, begun, total)
        store.put("space", dict(self.config.raw))
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "from_trial": begun,
            "changes": [str(one) for one in self.changes],
        }
        store.put(_EDITS, {**self.accepted, "log": [*store.get(_EDITS, {}).get("log", []), entry]})

    def _begin_round(self, study: DrivenStudy, begun: int, total: int) -> None:
        rounds = fitted(study.rounds, self.config, begun, total)
        last = rounds[-1]
        if last.end <= begun:
            raise InputError(
                f"--force: all {begun} trials of the search were drawn from the old bounds; allowed: --trials with more"
            )
        bounds = {**last.bounds, **self.bounds}
        space, trials = self.config.space.with_bounds(bounds), last.end - begun
        new = Round(
            start=begun,
            trials=trials,
            epochs=last.epochs,
            kind="edit",
            planned=last.planned,
            bounds=bounds,
            levels=choose_levels(space, trials, self.config.search.levels),
        )
        kept = [replace(last, trials=begun - last.start)] if begun > last.start else []
        study.store.put("used_up", False)  # noqa: FBT003 - an attribute's value
        study.store.put("rounds", [one.as_dict() for one in [*rounds[:-1], *kept, new]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """Options of a command that override its space file.

    Attributes:
        budget: The text of `--budget`.
        trials: Whether the search's total was given.
        force: Whether to take new bounds.
    """

    budget: str | None = None
    trials: bool = False
    force: bool = False


def edit_of(study: Study, new: StudyConfig, path: Path, beside: Beside) -> Edit:
    """Return the changes that a study takes from its edited space file.

    Args:
        new: The file, with `--set` and similar options applied.
        path: The file.

    Raises:
        InputError: The study can't take a change; the message names it.
    """
    store, old = study.store, study.config
    edits = store.get(_EDITS, {})
    found = [one for one in changes(edits.get("full", store.get("space")), new.raw) if not _is_goal(one.keys)]
    found = [one for one in found if one.keys != ("study",)]
    bounds = {name: pair for one in found for name, pair in _new_bounds(one, old, new).items()}
    refused = [one for one in found if not _is_harmless(one.keys) and not _new_bounds(one, old, new)]
    if refused or (bounds and not beside.force):
        raise InputError(_refusal(study.name, path, found, can_be_forced=not refused))
    if bounds:
        check_objective(new, str(path.parent.resolve()))
    written = file_content(path)
    trials = new.search.total if beside.trials and new.search.total != old.search.total else None
    asked = Goals.given(trials, beside.budget)
    goals, moved = _goals(_written(store), written, new, asked, trials_asked=beside.trials)
    raw = {key: value for key, value in old.raw.items() if not _is_harmless((key,))}
    raw |= {key: value for key, value in new.raw.items() if _is_harmless((key,))}
    return Edit(
        replace(parse_config(raw), prune=old.prune),  # an old study's may mean something else than a file's
        goals,
        changes=[*found, *moved],
        bounds=bounds,
        accepted={"full": dict(new.raw), WRITTEN: written},
    )


def _is_goal(keys: Keys) -> bool:
    return keys[0] == "budget" or keys == ("search", "trials")


def _is_harmless(keys: Keys) -> bool:
    """Return whether a field touches no result."""
    return keys[0] in ("faults", "keep_checkpoints", "gpus_per_trial", "export")


def _new_bounds(change: Change, old: StudyConfig, new: StudyConfig) -> Bounds:
    """Return the new bounds of a range, if nothing else in the parameter has changed."""
    if change.keys[0] != "space" or _ABSENT in (change.old, change.new):
        return {}
    name = change.keys[1]
    before, after = old.space.parameters.get(name), new.space.parameters.get(name)
    if not isinstance(before, Range) or not isinstance(after, Range):
        return {}
    same = replace(after, low=before.low, high=before.high) == before
    others = [{key: value for key, value in raw.items() if key != before.kind} for raw in (change.old, change.new)]
    return {name: (after.low, after.high)} if same and others[0] == others[1] else {}


def _refusal(name: str, path: Path, found: Sequence[Change], *, can_be_forced: bool) -> str:
    forced = "--force, which draws the trials to come from the new bounds; " if can_be_forced else ""
    return (
        f"{path}: has changed since study {name} was made ({'; '.join(map(str, found))}); allowed: a new search.trials "
        f"or budget; {forced}hpsearch resume {name}, which goes on with the file as it was; or another --name for a "
        f"study of its own (search.warm_start starts it from the trials of {name})"
    )


def _written(store: StoreReader) -> Any:
    """Return the file's content, without `--set`, that the study last took; `_ABSENT` if an old study lacks it."""
    return store.get(_EDITS, {}).get(WRITTEN) or store.get(WRITTEN, _ABSENT) or store.get("space")


def _goals(
    before: Any, written: Any, new: StudyConfig, asked: Goals, *, trials_asked: bool
) -> tuple[Goals, list[Change]]:
    """Return the new goals of the file or the command, and the changes of the file among them.

    The file is compared without `--set` and similar options, for these are not part of it.
    """
    if before is _ABSENT:
        return asked, []
    moved = [one for one in changes(before, written) if _is_goal(one.keys)]
    trials = [one for one in moved if one.keys[0] == "search" and not trials_asked and one.new is not _ABSENT]
    budget = [one for one in moved if one.keys[0] == "budget" and asked.budget is None]
    goals = asked
    if trials:
        goals = replace(goals, trials=new.search.trials)
    if budget:
        goals = replace(goals, budget=_limits(new))
    return goals, [*trials, *budget]


def _limits(config: StudyConfig) -> dict[str, Any]:
    return (Limits() if config.budget is None else config.budget.limits).as_dict()


def drift(study: Study) -> str:
    """Return a notice on changes of a study's space file; empty if there are none."""
    store = study.store
    before, folder = _written(store), store.get("module_folder")
    if before is _ABSENT or folder is None:
        return ""
    path = Path(folder) / store.get("space_file", "")
    with suppress(InputError):
        content = file_content(path) if path.is_file() else None
        if isinstance(content, Mapping) and (found := list(changes(before, content))):
            return (
                f"{path} has changed since study {study.name} was made ({'; '.join(map(str, found))}); the study goes "
                f"on as stored (hpsearch run {path} --name {study.name} --resume takes new trials and a new budget)"
            )
    return ""
