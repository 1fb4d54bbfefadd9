"""Which settings are searched, which are constants, and which stand in the command."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hpsearch.drafting.flow import flow
from hpsearch.drafting.from_script.candidates import Chosen, choose
from hpsearch.drafting.from_script.heuristics import Suggestion, is_switch, suggest
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.from_script.steps import Steps, steps_of
from hpsearch.drafting.from_script.usage import Usage, role_of
from hpsearch.drafting.roles import RESUME, TAKEN, tokens
from hpsearch.drafting.space_file import FILL_IN, Comment, Entry, Line, constants_in, literal, searched_in
from hpsearch.errors import InputError
from hpsearch.system.plain import LARGEST_INTEGER

_LONGEST_TEXT = 200  # characters of a text value in the space
_MOST_IDEAS = 12  # comments about what could be searched too
_DATA = ("data", "dataset", "datasets")  # folders that a required path to data may mean


@dataclass(kw_only=True, slots=True)
class Sorted:
    """What becomes of each setting.

    Attributes:
        space: The lines of the section `space`.
        ideas: Comments on what could be searched too.
        spelled: Settings that the command names, each with its word there: a placeholder or a literal value.
        resume: The option that names what to resume from; None if there is none.
        checks: What the user should check.
        kept: How many settings stay as the script has them.
        steps: How the steps of a script without epochs follow from a study's epochs.
        unsure: What was guessed and may be wrong, each with what to look at.
    """

    space: list[Line] = field(default_factory=list)
    ideas: list[Comment] = field(default_factory=list)
    spelled: list[tuple[Setting, str]] = field(default_factory=list)
    resume: Setting | None = None
    checks: list[str] = field(default_factory=list)
    kept: int = 0
    steps: Steps = field(default_factory=lambda: Steps(roles={}))
    unsure: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the space: first what is searched, then the constants."""
        return (*searched_in(self.space), *constants_in(self.space))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is known of all settings before each gets its place.

    Attributes:
        in_file: Whether a config file keeps the settings that are not searched.
        roles: What the settings are for each trial.
        suggestions: What could be searched.
        chosen: Which of them are not, for another one is.
        steps: How the steps of a script without epochs follow from a study's epochs.
    """

    in_file: bool
    roles: Mapping[str, str]
    suggestions: Mapping[str, Suggestion]
    chosen: Chosen
    steps: Steps


def sort_settings(settings: Iterable[Setting], file: str, *, keep_rest: bool, usage: Usage | None = None) -> Sorted:
    """Return what becomes of settings.

    Args:
        file: What they were read from, for messages.
        keep_rest: Whether they are values of a config file, which keeps the settings that are not searched.
        usage: What the script does with paths.

    Raises:
        InputError: None of them can be searched.
    """
    settings = [_scalar(setting) for setting in settings]
    plan = _planned(settings, usage or Usage(), in_file=keep_rest)
    result = Sorted(steps=plan.steps, unsure=list(plan.steps.unsure))
    for setting in settings:
        _place(result, setting, plan)
    if not searched_in(result.space):
        problem = f"none of its {len(settings)} settings could be searched"
        raise InputError(f"{file}: {problem}; allowed: at least one number")
    result.unsure += plan.chosen.doubts
    result.space += result.ideas[:_MOST_IDEAS]
    _spell_all(result, settings)
    return result


def give_options(result: Sorted, settings: Iterable[Setting], options: Mapping[str, str]) -> None:
    """Let the command give values to options, so that the script's log lies where it is read.

    Args:
        result: What becomes of the settings; changed.
        settings: All of the script's.
        options: The values by the names of the options.
    """
    settings = list(settings)
    given = {setting.name for setting, _ in result.spelled}
    for setting in settings:
        if setting.name in options and setting.name not in given:
            result.space = [line for line in result.space if not isinstance(line, Entry) or line.name != setting.name]
            result.spelled.append((setting, literal(options[setting.name])))
    order = [setting.name for setting in settings]
    result.spelled.sort(key=lambda pair: order.index(pair[0].name))


def _scalar(setting: Setting) -> Setting:
    """Return an option that may take several values, but takes one by default, as one for a single value."""
    if setting.count in {"+", "*"} and isinstance(setting.default, list) and len(setting.default) == 1:
        return replace(setting, count="", default=setting.default[0])
    return setting


def _planned(settings: list[Setting], usage: Usage, *, in_file: bool) -> _Plan:
    roles = {setting.name: role_of(setting, usage) for setting in settings}
    has_epochs = in_file or "{epochs}" in roles.values()
    without = [setting for setting in settings if not roles[setting.name]]
    steps = Steps(roles={}) if has_epochs else steps_of(without, both_ends=usage.both_ends)
    roles |= steps.roles
    free = [s for s in settings if not s.left_out and not s.count and not roles[s.name]]
    found = {setting.name: suggestion for setting in free if (suggestion := suggest(setting)) is not None}
    suggestions = {name: one for name, one in found.items() if _distribution(one) is not None}
    if not any(one.sure for one in suggestions.values()):
        suggestions |= _fallback([setting for setting in free if setting.name not in TAKEN], suggestions)
    chosen = choose((setting, suggestions[setting.name]) for setting in free if setting.name in suggestions)
    suggestions |= dict(_borrowed(free, suggestions, chosen))
    return _Plan(in_file=in_file, roles=roles, suggestions=suggestions, chosen=chosen, steps=steps)


def _borrowed(
    free: list[Setting], suggestions: Mapping[str, Suggestion], chosen: Chosen
) -> Iterator[tuple[str, Suggestion]]:
    """Yield the range of a rival for a searched setting without a default: both are of one size."""
    by_name = {setting.name: setting for setting in free}
    for rival, name in chosen.rivals.items():
        if by_name[name].number is None and by_name[rival].number and suggestions[rival].kind == suggestions[name].kind:
            note = f"CHECK: no default; {by_name[rival].shown} has {flow(by_name[rival].default)}"
            yield name, replace(suggestions[rival], note=note)


def _fallback(free: list[Setting], suggestions: Mapping[str, Suggestion]) -> dict[str, Suggestion]:
    """Return something to search if no name suggests it: a size, else a number."""
    note = "CHECK: nothing looks like a rate"
    for setting in free:
        if setting.name in suggestions:
            return {setting.name: replace(suggestions[setting.name], sure=True, note=note)}
    for setting in free:
        value = setting.number
        is_free = isinstance(value, float) and setting.type in {"", "float"} and not setting.choices
        if is_free and value is not None and 1e-9 < value < 1e9:  # noqa: PLR2004 - no overflow
            rest = 1 - value  # a number just below 1, such as a discount, stays below it
            bounds = (max(value / 2, 1 - 10 * rest), 1 - rest / 10) if 0 < rest < 0.5 else (value / 2, value * 2)  # noqa: PLR2004 - half
            bounds = (round(bounds[0], 12), round(bounds[1], 12))
            return {setting.name: Suggestion(kind="uniform", arguments=bounds, note=note)}
    return {}


def _place(result: Sorted, setting: Setting, plan: _Plan) -> None:
    own = plan.roles[setting.name]
    suggestion = plan.suggestions.get(setting.name)
    if own == RESUME and not (setting.required and setting.is_unset):
        result.resume = result.resume or setting
    elif own and own != RESUME:
        result.spelled.append((setting, own))
    elif suggestion is not None and suggestion.sure and setting.name not in plan.chosen.rivals:
        _search(result, setting, suggestion)
    elif setting.required and (setting.is_unset or plan.in_file):
        _require(result, setting)
    else:
        result.kept += 1
        _suggest(result, setting, plan)


def _search(result: Sorted, setting: Setting, suggestion: Suggestion) -> None:
    is_known = not setting.is_unset and _is_writable(setting.default)
    if suggestion.note:
        result.checks.append(f"the range of {setting.name}")
    elif suggestion.kind == "choice" and suggestion.family is None:
        result.unsure.append(f"{setting.shown} is searched: does one range of each rate suit all its choices?")
    comment = suggestion.note or (f"default {flow(setting.default)}" if is_known else "")
    result.space.append(Entry(setting.name, _distribution(suggestion), comment))
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))


def _require(result: Sorted, setting: Setting) -> None:
    """Give a required setting a constant that the user fills in."""
    if setting.left_out:
        result.space.append(Comment(f"{setting.shown}: {setting.left_out}; required: add it to the command"))
        result.checks.append(f"{setting.shown} is required, but not in the command")
        return
    value = _guess(setting)
    said = "put its value in place of FILL_IN" if value == FILL_IN else f"is {flow(value)} right?"
    result.checks.append(f"{setting.shown} is required: {said}")
    if setting.count or setting.name in TAKEN:
        times = int(setting.count) if setting.count.isdecimal() else 1
        result.spelled += [(setting, literal(str(value)))] * max(1, min(times, 20))
        return
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))
    meaning = f" ({setting.help})" if setting.help and setting.help.isprintable() else ""
    result.space.append(Entry(setting.name, value, f"CHECK: required{meaning}"[:_LONGEST_TEXT]))


def _guess(setting: Setting) -> Any:
    if setting.choices and _is_writable(setting.choices[0]):
        return setting.choices[0]
    if {"data", "dataset", "root"} & set(tokens(setting.name)):
        return next((name for name in _DATA if Path(name).is_dir()), FILL_IN)
    return FILL_IN


def _suggest(result: Sorted, setting: Setting, plan: _Plan) -> None:
    """Add a comment on a setting that could be searched too."""
    suggestion = plan.suggestions.get(setting.name)
    value = None if suggestion is None else _distribution(suggestion)
    word = f"{{{setting.name}}}"
    if value is not None and setting.name not in TAKEN:
        spelled = "" if plan.in_file else f"  # with {' '.join(spelled_as(setting, word))} in the command"
        result.ideas.append(Comment(f"{flow(setting.name)}: {flow(value)}{spelled}"))
    elif is_switch(setting) and not plan.in_file and setting.name not in TAKEN:
        spelled = f"with {flag_word(setting)} in the command"
        result.ideas.append(Comment(f"{flow(setting.name)}: {{choice: [false, true]}}  # {spelled}"))


def flag_word(setting: Setting) -> str:
    """Return the placeholder for an option that takes no value: its spelling for true, and for false."""
    when_true, when_false = setting.switch
    if when_true != f"--{setting.name}":
        return f"{{flag:{setting.name}|{when_true}|{when_false}}}"
    return f"{{flag:{setting.name}|{when_false}}}" if when_false else f"{{flag:{setting.name}}}"


def spelled_as(setting: Setting, text: str) -> tuple[str, ...]:
    """Return the words of a command for a setting and its value there."""
    if setting.positional:
        return (text,)
    # argparse would take -1e-3 for an option.
    is_negative = (setting.number or 0) < 0 or any(str(choice).startswith("-") for choice in setting.choices)
    return (f"{setting.flag}={text}",) if is_negative or setting.joined else (setting.flag, text)


def _is_spelled(setting: Setting) -> bool:
    """Return whether the command must name a setting, because `{args}` can't pass it."""
    own = setting.positional or setting.name in TAKEN or setting.joined or setting.command
    return bool(own) or setting.flag not in {"", f"--{setting.name}"}


def _spell_all(result: Sorted, settings: Sequence[Setting]) -> None:
    """Let the command name all of the space if it names a part of it: `{args}` would repeat that part."""
    names = set(result.names)
    spelled = {setting.name for setting, _ in result.spelled}
    if not names & spelled:
        return
    result.spelled += [(setting, f"{{{setting.name}}}") for setting in settings if setting.name in names - spelled]
    order = {setting.name: number for number, setting in enumerate(settings)}
    result.spelled.sort(key=lambda pair: order[pair[0].name])


def _distribution(suggestion: Suggestion) -> dict[str, list[Any]] | None:
    """Return a suggestion as a space file has it; None if an argument can't be written, or is there twice."""
    arguments = suggestion.arguments
    if not all(isinstance(argument, (str, int, float)) and _is_writable(argument) for argument in arguments):
        return None
    return {suggestion.kind: list(arguments)} if len(set(arguments)) == len(arguments) else None


def _is_writable(value: Any) -> bool:
    """Return whether a value fits on a line of a space file."""
    if isinstance(value, int):
        return abs(value) < LARGEST_INTEGER
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_TEXT
