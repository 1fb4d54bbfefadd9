"""Which settings are searched, which are constants, and which the command has in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.drafting.from_script.heuristics import Suggestion, role, suggest
from hpsearch.drafting.from_script.layout import argument, distribution, scalar
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.errors import InputError

FILL_IN = "FILL_IN"
# Names that a command gives a meaning of their own, or that its section of the space file has.
TAKEN = {"seed", "epochs", "trial_dir", "number", "resume_from", "config_file", "args", "overrides",
    "command", "cwd", "interpreter", "resume", "metrics"}  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Sorted:
    """Settings by what becomes of them.

    Attributes:
        rows: Lines of the space and their comments; a line without text is a comment.
        searched: Names of what is searched.
        constants: Names of the constants.
        spelled: Settings that the command spells out, with the text there: a placeholder, or a value.
        resume: The option that takes what to go on from.
        checks: What the user should look at.
    """

    rows: list[tuple[str, str]] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    spelled: list[tuple[Setting, str]] = field(default_factory=list)
    resume: Setting | None = None
    checks: list[str] = field(default_factory=list)


def sort_settings(settings: Iterable[Setting], file: str, *, keep_rest: bool) -> Sorted:
    """Return what becomes of settings.

    Args:
        file: What they were read from, for messages.
        keep_rest: Whether a config file keeps what is not searched, so that the space need not have it.

    Raises:
        InputError: Nothing among them could be searched.
    """
    settings = list(settings)
    forced = None if any(_is_searched(setting) for setting in settings) else _fallback(settings)
    result = Sorted()
    for setting in settings:
        _place(result, setting, keep_rest=keep_rest, forced=forced)
    if not result.searched:
        raise InputError(
            f"{file}: none of its {len(settings)} settings could be searched; allowed: at least one number"
        )
    _spell_all(result, settings)
    return result


def _is_searched(setting: Setting) -> bool:
    suggestion = None if setting.left_out or role(setting.name, setting.default) else suggest(setting)
    return suggestion is not None and suggestion.sure


def _fallback(settings: list[Setting]) -> tuple[str, Suggestion] | None:
    """Return something to search where no name looks like it: a size, else a number."""
    free = [s for s in settings if not s.left_out and not role(s.name, s.default) and s.name not in TAKEN]
    note = "CHECK: nothing looks like a rate"
    for setting in free:
        found = suggest(setting)
        if found is not None and distribution(found.kind, found.arguments) is not None:
            return setting.name, Suggestion(kind=found.kind, arguments=found.arguments, note=note)
    for setting in free:
        value = setting.number
        if isinstance(value, float) and 1e-9 < value < 1e9 and setting.type in {"", "float"}:  # noqa: PLR2004 - no overflow
            return setting.name, Suggestion(kind="uniform", arguments=(value / 2, value * 2), note=note)
    return None


def _place(result: Sorted, setting: Setting, *, keep_rest: bool, forced: tuple[str, Suggestion] | None) -> None:
    own = role(setting.name, setting.default)
    shown = setting.flag or setting.name
    if setting.left_out:
        result.rows.append(("", f"{shown}: {setting.left_out}"))
        if setting.required:
            result.checks.append(f"{shown} is required, and not in the command")
        return
    if own == "resume":
        result.resume = setting
        return
    if own:
        result.spelled.append((setting, own))
        return
    suggestion = forced[1] if forced is not None and forced[0] == setting.name else suggest(setting)
    text = distribution(suggestion.kind, suggestion.arguments) if suggestion is not None else None
    if suggestion is not None and text is not None and suggestion.sure:
        _search(result, setting, suggestion, text)
    elif not keep_rest or setting.required:
        _keep(result, setting, text)
    elif text is not None:
        result.rows.append(("", f"{_key(setting.name)}: {text}"))


def _search(result: Sorted, setting: Setting, suggestion: Suggestion, text: str) -> None:
    default = scalar(setting.default) if setting.default not in (None, UNKNOWN) else None
    note = suggestion.note or (f"default {default}" if default is not None else "")
    if suggestion.note:
        result.checks.append(f"the range of {setting.name}")
    result.searched.append(setting.name)
    result.rows.append((f"{_key(setting.name)}: {text}", note))
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))


def _keep(result: Sorted, setting: Setting, suggestion: str | None) -> None:
    shown = setting.flag or setting.name
    value = _constant(setting)
    text = scalar(value)
    if value is None or text is None or isinstance(value, bool):
        result.rows.append(("", f"{shown}: {_why_not(value)}; the script decides"))
        return
    note = f"or {suggestion}" if suggestion else ""
    if setting.required and setting.default in (None, UNKNOWN):
        note = "CHECK: required"
        result.checks.append(f"{shown} is required: its value, {value}")
    if setting.positional or setting.name in TAKEN:
        result.spelled.append((setting, argument(str(value))))
        return
    if _is_spelled(setting):
        result.spelled.append((setting, f"{{{setting.name}}}"))
    result.constants.append(setting.name)
    result.rows.append((f"{_key(setting.name)}: {text}", note))


def _why_not(value: Any) -> str:
    if value is None:
        return "has no default"
    return "true or false" if isinstance(value, bool) else "its default can't be written here"


def _constant(setting: Setting) -> Any:
    if setting.required and setting.default in (None, UNKNOWN):
        return setting.choices[0] if setting.choices else FILL_IN
    return setting.default


def _is_spelled(setting: Setting) -> bool:
    """Return whether `{args}` can't give it to a command."""
    return setting.positional or setting.name in TAKEN or setting.flag not in {"", f"--{setting.name}"}


def _spell_all(result: Sorted, settings: Sequence[Setting]) -> None:
    """Let the command name everything if it names something of the space: `{args}` would give that once more."""
    names = {*result.searched, *result.constants}
    spelled = {setting.name for setting, _ in result.spelled}
    if not names & spelled:
        return
    result.spelled += [(setting, f"{{{setting.name}}}") for setting in settings if setting.name in names - spelled]
    order = [setting.name for setting in settings]
    result.spelled.sort(key=lambda pair: order.index(pair[0].name))


def _key(name: str) -> str:
    return scalar(name) or name
