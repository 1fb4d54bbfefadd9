"""Which settings are searched, which are constants, and which stand in the command."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.drafting.flow import flow
from hpsearch.drafting.from_script.heuristics import Suggestion, suggest
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.drafting.roles import RESUME, TAKEN, role
from hpsearch.drafting.space_file import FILL_IN, Comment, Entry, Line, constants_in, literal, searched_in
from hpsearch.errors import InputError
from hpsearch.system.plain import LARGEST_INTEGER

_LONGEST_TEXT = 200  # characters of a text value in the space


@dataclass(kw_only=True, slots=True)
class Sorted:
    """What becomes of each setting.

    Attributes:
        space: The lines of the section `space`.
        spelled: Settings that the command names, each with its word there: a placeholder or a literal value.
        resume: The option that names what to resume from; None if there is none.
        checks: What the user should check.
        unsure: What was guessed and may be wrong, each with what to look at.
    """

    space: list[Line] = field(default_factory=list)
    spelled: list[tuple[Setting, str]] = field(default_factory=list)
    resume: Setting | None = None
    checks: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the space: first what is searched, then the constants."""
        return (*searched_in(self.space), *constants_in(self.space))


def sort_settings(settings: Iterable[Setting], file: str, *, keep_rest: bool) -> Sorted:
    """Return what becomes of settings.

    Args:
        file: What they were read from, for messages.
        keep_rest: Whether a config file keeps the settings that are not searched. The space then leaves them out.

    Raises:
        InputError: None of them can be searched.
    """
    settings = list(settings)
    forced = None if any(_is_searched(setting) for setting in settings) else _fallback(settings)
    result = Sorted()
    for setting in settings:
        _place(result, setting, keep_rest=keep_rest, forced=forced)
    if not searched_in(result.space):
        problem = f"none of its {len(settings)} settings could be searched"
        raise InputError(f"{file}: {problem}; allowed: at least one number")
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


def _is_searched(setting: Setting) -> bool:
    suggestion = None if setting.left_out or role(setting.name, setting.default) else suggest(setting)
    return suggestion is not None and suggestion.sure


def _fallback(settings: list[Setting]) -> tuple[str, Suggestion] | None:
    """Return something to search if no name suggests it: a size, else a number."""
    free = [s for s in settings if not s.left_out and not role(s.name, s.default) and s.name not in TAKEN]
    note = "CHECK: nothing looks like a rate"
    for setting in free:
        found = suggest(setting)
        if found is not None and _distribution(found) is not None:
            return setting.name, Suggestion(kind=found.kind, arguments=found.arguments, note=note)
    for setting in free:
        value = setting.number
        if isinstance(value, float) and 1e-9 < value < 1e9 and setting.type in {"", "float"}:  # noqa: PLR2004 - no overflow
            return setting.name, Suggestion(kind="uniform", arguments=(value / 2, value * 2), note=note)
    return None


def _place(result: Sorted, setting: Setting, *, keep_rest: bool, forced: tuple[str, Suggestion] | None) -> None:
    own = role(setting.name, setting.default)
    if setting.left_out:
        _leave_out(result, setting)
    elif own == RESUME:
        result.resume = setting
    elif own:
        result.spelled.append((setting, own))
    else:
        suggestion = forced[1] if forced is not None and forced[0] == setting.name else suggest(setting)
        _place_in_space(result, setting, suggestion, keep_rest=keep_rest)


def _leave_out(result: Sorted, setting: Setting) -> None:
    result.space.append(Comment(f"{setting.shown}: {setting.left_out}"))
    if setting.required:
        result.checks.append(f"{setting.shown} is required, but not in the command")


def _place_in_space(result: Sorted, setting: Setting, suggestion: Suggestion | None, *, keep_rest: bool) -> None:
    value = None if suggestion is None else _distribution(suggestion)
    if suggestion is not None and value is not None and suggestion.sure:
        _search(result, setting, value, suggestion.note)
    elif not keep_rest or setting.required:
        _keep(result, setting, value)
    elif value is not None:
        result.space.append(Comment(f"{flow(setting.name)}: {flow(value)}"))


def _search(result: Sorted, setting: Setting, value: Mapping[str, Any], note: str) -> None:
    is_known = setting.default not in (None, UNKNOWN) and _is_writable(setting.default)
    if note:
        result.checks.append(f"the range of {setting.name}")
    result.space.append(Entry(setting.name, value, note or (f"default {flow(setting.default)}" if is_known else "")))
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))


def _keep(result: Sorted, setting: Setting, suggestion: Mapping[str, Any] | None) -> None:
    value = _constant(setting)
    if value is None or isinstance(value, bool) or not _is_writable(value):
        result.space.append(Comment(f"{setting.shown}: {_why_not(value)}; the script decides"))
        return
    comment = f"or {flow(suggestion)}" if suggestion else ""
    if setting.required and setting.default in (None, UNKNOWN):
        comment = "CHECK: required"
        result.checks.append(f"{setting.shown} is required: its value, {value}")
    if setting.positional or setting.name in TAKEN:
        result.spelled.append((setting, literal(str(value))))
        return
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))
    result.space.append(Entry(setting.name, value, comment))


def _why_not(value: Any) -> str:
    if value is None:
        return "has no default"
    return "true or false" if isinstance(value, bool) else "its default can't be written here"


def _constant(setting: Setting) -> Any:
    if setting.required and setting.default in (None, UNKNOWN):
        return setting.choices[0] if setting.choices else FILL_IN
    return setting.default


def _is_spelled(setting: Setting) -> bool:
    """Return whether the command must name a setting, because `{args}` can't pass it."""
    return setting.positional or setting.name in TAKEN or setting.flag not in {"", f"--{setting.name}"}


def _spell_all(result: Sorted, settings: Sequence[Setting]) -> None:
    """Let the command name all of the space if it names a part of it: `{args}` would repeat that part."""
    names = set(result.names)
    spelled = {setting.name for setting, _ in result.spelled}
    if not names & spelled:
        return
    result.spelled += [(setting, f"{{{setting.name}}}") for setting in settings if setting.name in names - spelled]
    order = [setting.name for setting in settings]
    result.spelled.sort(key=lambda pair: order.index(pair[0].name))


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
