"""Which arguments of a command hold a config: an option goes with its values, and positional ones go together.

What stands before the script's own arguments, a launcher with its options, is the program. Only the text of the space
file decides, so the same arguments are chosen for every config.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

from hpsearch.objectives.command.config import CONFIG_FILE
from hpsearch.objectives.command.placeholders import WHOLE, Argument, Computed, Flag
from hpsearch.objectives.command.program import program_end
from hpsearch.objectives.own_values import OWN_VALUES

_OWN = frozenset((*OWN_VALUES, CONFIG_FILE))
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_LABEL = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/:-]*=")  # lr=, +optim.lr=, model@net.x=
_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.\w+)+")  # SOLVER.BASE_LR, whose value is the next argument (yacs)
_SHORT_KEY = re.compile(r"[A-Z][A-Z0-9_]+")  # OUTPUT_DIR, beside such keys


class _Role(Enum):
    OPENS = auto()  # an option whose values are the next arguments, if it has any
    COMPLETE = auto()  # an option with its value in it
    LABELLED = auto()  # name=value, or a key and its value
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    role: _Role
    places: tuple[int, ...]


@dataclass(slots=True)
class _Group:
    """An option with what follows, or positional arguments."""

    option: int | None = None
    tokens: list[_Token] = field(default_factory=list)

    def takes(self, token: _Token) -> bool:
        """Return whether a token belongs here: after an option, `name=value` does only if that has no other value."""
        if token.role is _Role.PLAIN:
            return True
        return token.role is _Role.LABELLED and self.option is not None and all(map(_is_labelled, self.tokens))


def _is_labelled(token: _Token) -> bool:
    return token.role is _Role.LABELLED


def pieces(arguments: Sequence[Argument], names: Iterable[str]) -> list[list[int]]:
    """Return the places of the arguments that hold values of a config, piece by piece: one is read at once.

    - An option comes with its values, up to the last one that a parameter is in, and with numbers right after that.
    - `name=value`, and a key before its value, stand for themselves, but for an option right before them.
    - Positional arguments come all or not at all, from the first placeholder on, for their places count.
    - A text in which one of the trial's own values stands beside parameters that others hold too is a label, such as
      the name of a folder, and is left out.

    Args:
        arguments: As the space file has them.
        names: Of the config.
    """
    start = program_end([argument.text for argument in arguments])
    used = {at: frozenset(arguments[at].names) for at in range(start, len(arguments))}
    own = {at for at, some in used.items() if some and some <= _OWN}
    wanted = _wanted(arguments, used, frozenset(names))
    return [places for group in _groups(_tokens(arguments, start), own) for places in _chosen(group, arguments, wanted)]


def _wanted(arguments: Sequence[Argument], used: Mapping[int, frozenset[str]], names: frozenset[str]) -> set[int]:
    """Return the places of arguments that hold a value of the config and are no labels."""
    pure = [some for at, some in used.items() if not some & _OWN and not _is_computed(arguments[at])]
    by_itself = frozenset(names if any(some.intersection(WHOLE) for some in pure) else ()).union(*pure)
    return {
        at for at, some in used.items() if some.intersection(WHOLE) or (some & names and not _is_label(some, by_itself))
    }


def _is_computed(argument: Argument) -> bool:
    return any(isinstance(part, Computed) for part in argument.parts)


def _is_label(used: frozenset[str], by_itself: frozenset[str]) -> bool:
    return bool(used & _OWN) and used - _OWN <= by_itself


def _tokens(arguments: Sequence[Argument], start: int) -> list[_Token]:
    has_keys = any(_KEY.fullmatch(one.text) and other.names for one, other in pairwise(arguments))
    found, at = [], start
    while at < len(arguments):
        here, after = arguments[at], arguments[at + 1] if at + 1 < len(arguments) else None
        role, count = _role(here), 1
        is_pair = after is not None and role is _Role.PLAIN and _role(after) is _Role.PLAIN
        if is_pair and (_is_named(here, after) or (has_keys and _is_key(here.text))):
            role, count = _Role.LABELLED, 2
        found.append(_Token(role, tuple(range(at, at + count))))
        at += count
    return found


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None or _SHORT_KEY.fullmatch(text) is not None


def _is_named(argument: Argument, after: Argument | None) -> bool:
    """Return whether a word is the name of the parameter after it: `lr {lr}`, `optim.batch-size {batch_size}`."""
    names = () if after is None or argument.names else after.names
    return _last_part(argument.text) in map(_last_part, names)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2].replace("-", "_")


def _role(argument: Argument) -> _Role:
    text = argument.text
    if text == "{args}" or any(isinstance(part, Flag) for part in argument.parts):
        return _Role.COMPLETE
    if text[:1] == "-" and len(text) > 1 and not _NUMBER.fullmatch(text):
        return _Role.COMPLETE if "=" in text or argument.names else _Role.OPENS
    return _Role.LABELLED if text == "{overrides}" or _LABEL.match(text) else _Role.PLAIN


def _groups(tokens: Sequence[_Token], own: set[int]) -> list[_Group]:
    """Return what goes together.

    Args:
        own: The places of the trial's own values. One right after an option is all of that option's values.
    """
    found = [_Group()]
    for token in tokens:
        now = found[-1]
        if token.role is _Role.OPENS:
            found.append(_Group(token.places[0]))
        elif now.takes(token):
            now.tokens.append(token)
        else:
            found += [_Group(None, [token]), _Group()]
        if now.option is not None and now.tokens == [token] and token.role is _Role.PLAIN and token.places[0] in own:
            found.append(_Group())
    return found


def _chosen(group: _Group, arguments: Sequence[Argument], wanted: set[int]) -> list[list[int]]:
    if not any(wanted.intersection(token.places) for token in group.tokens):
        return []
    plain = [token.places[0] for token in group.tokens if token.role is _Role.PLAIN]
    alone = [list(token.places) for token in group.tokens if token.role is not _Role.PLAIN]
    alone = [places for places in alone if wanted.intersection(places)]
    if group.option is None:
        first = next((at for at in plain if arguments[at].names), len(arguments))
        return [places for places in (plain[plain.index(first) :] if first in plain else [], *alone) if places]
    last = max(wanted.intersection(plain), default=-1)
    while last >= 0 and last + 1 in plain and _NUMBER.fullmatch(arguments[last + 1].text):
        last += 1
    return [[group.option, *(at for at in plain if at <= last)], *alone]
