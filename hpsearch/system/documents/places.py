"""Where the names of a config lead in a file: to a value that is there, to a mapping that can get it, or nowhere.

Nothing here guesses. A name leads to the key of that name; its dots are part of a key, or lead into mappings and lists
(`layers.0.lr`). What only looks like the name is a candidate, for messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.errors import InputError
from hpsearch.system.documents.document import TOP, Document, Member, Value
from hpsearch.system.documents.values import reads_as
from hpsearch.text import did_you_mean

MERGE_KEY = "<<"  # YAML's: takes the members of another mapping
_PREFIX = re.compile(r"\+{1,2}(?=.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A place that a mapping does not have yet.

    Attributes:
        mapping: The innermost mapping that is there.
        name: Where it is, for messages.
        keys: The keys to add, each inside the one before; more than one makes mappings.
        inherits: Whether the mapping has a merge key, so that it may have the value from elsewhere.
    """

    mapping: Value
    name: str
    keys: tuple[str, ...]
    inherits: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Placing:
    """Where names lead in a mapping of a file.

    Attributes:
        target: The mapping.
        there: Values by the names that lead to them.
        gaps: Places that can be added, by name.
        nowhere: Why a name has no place, not even a new one; by name.
    """

    target: Value
    there: Mapping[str, Member] = field(default_factory=dict)
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    nowhere: Mapping[str, str] = field(default_factory=dict)

    def lacking(self, *, keyed: bool, add: bool) -> tuple[str, ...]:
        """Return the names that have no place.

        Args:
            keyed: Whether the user has named the mapping, so that it and those inside may get new keys, unless they
                have a merge key.
            add: Whether any mapping may get new keys, and new mappings.
        """
        known = {name for name, gap in self.gaps.items() if add or (keyed and len(gap.keys) == 1 and not gap.inherits)}
        return (*(name for name in self.gaps if name not in known), *self.nowhere)


def bare_name(name: str) -> str:
    """Return a name without what tells Hydra to add it: `+optimizer.momentum` is `optimizer.momentum` in a file."""
    return _PREFIX.sub("", name, count=1) if name.startswith("+") else name


def find_places(document: Document, key: str, config: Mapping[str, Any]) -> Placing:
    """Return where the names of a config lead.

    Args:
        key: The mapping's keys joined by dots, or `.` for the top level.
        config: Values by name; a value can't replace just anything.

    Raises:
        InputError: There is no such mapping, a name leads to two places, or into something that an edit would change
            elsewhere too.
    """
    target = find_mapping(document, key)
    there: dict[str, Member] = {}
    gaps: dict[str, Gap] = {}
    nowhere: dict[str, str] = {}
    for name, value in config.items():
        found: Member | Gap | str = find(document, target, name)
        if isinstance(found, Member):
            found = _kept(document, name, found, value) or found
        elif not found:
            found = _gap(document, target, "" if key == TOP else key, name)
        if isinstance(found, Member):
            there[name] = found
        elif isinstance(found, Gap):
            gaps[name] = found
        else:
            nowhere[name] = found
    return Placing(target=target, there=there, gaps=gaps, nowhere=nowhere)


def _kept(document: Document, name: str, member: Member, value: Any) -> str:
    """Return why a value can't replace what is there; empty if it can, or need not."""
    old = member.value
    if reads_as(document.load(old), value):
        return ""
    if old.barrier:
        return f"{name} {old.barrier}, in line {document.line(old.start)}"
    if old.members is not None and not isinstance(value, Mapping):
        return f"{name} is a mapping, and {value!r} in the config"
    if any(item.members is not None for item in old.items or ()) and not isinstance(value, list):
        return f"{name} is a list of mappings, and {value!r} in the config"
    return ""


def find_mapping(document: Document, key: str) -> Value:
    """Return the mapping at a key.

    Raises:
        InputError: There is none, or an edit of it could change other parts of the file.
    """
    if document.root is None:
        raise InputError(f"{document.file}: is empty; allowed: a file with a mapping at {key}, or a new file")
    value, done, parts = document.root, "", [] if key == TOP else key.split(".")
    check_mapping(document, value, "the top level")
    while parts:
        cut, member = next(_steps(document, value, parts), (0, None))
        if member is None:
            raise _missing(document, value, done, ".".join(parts))
        done, parts = ".".join(filter(None, (done, *parts[:cut]))), parts[cut:]
        value = member.value
        check_mapping(document, value, done, partly=bool(parts))
    return value


def find(document: Document, mapping: Value, name: str) -> Member | str:
    """Return what a name leads to in a mapping, or why that can't be edited; empty if it leads to nothing.

    Raises:
        InputError: The name leads to two places.
    """
    barred: list[str] = []
    found = list(_leaves(document, mapping, name.split("."), "", barred))
    if len(found) > 1:
        raise document.error(max(one.start for one in found), f"{name!r} is there twice; allowed: once")
    return found[0] if found else "; ".join(barred[:1])


def check_mapping(document: Document, value: Value, name: str, *, partly: bool = False) -> None:
    """Refuse what is no mapping, or one that can't be edited by itself.

    Args:
        name: Where it is, for messages.
        partly: Whether a list is fine too, because the place is inside of it.

    Raises:
        InputError: It is one of these.
    """
    allowed = "allowed: a mapping that nothing else refers to"
    if value.barrier:
        raise document.error(value.start, f"{name} {value.barrier}, so an edit could change other parts; {allowed}")
    if value.members is None and not (partly and value.items is not None):
        raise document.error(value.start, f"{name} is {document.shown(value)}; allowed: a mapping, such as {{}}")


def _missing(document: Document, value: Value, parent: str, rest: str) -> InputError:
    known = [m.key for m in value.members or () if m.key is not None]
    hint = did_you_mean(rest.partition(".")[0], known)
    name = parent or "the top level"
    return document.error(value.start, f"{name} has no key {rest!r}; allowed: {', '.join(known) or 'none'}{hint}")


def _member(document: Document, mapping: Value, key: str) -> Member | None:
    found = [m for m in mapping.members or () if m.key == key]
    if len(found) > 1:
        raise document.error(found[1].start, f"{key!r} is there twice; allowed: once")
    return found[0] if found else None


def _steps(document: Document, value: Value, parts: Sequence[str]) -> Iterator[tuple[int, Member]]:
    """Yield the members that the first parts of a name lead to, with the number of these parts."""
    if value.items is not None and parts[0].isascii() and parts[0].isdigit():
        number = int(parts[0][:9])
        if number < len(value.items):
            item = value.items[number]
            yield 1, Member(parts[0], item.start, item.start, item)
    for cut in range(1, len(parts) + 1):
        member = _member(document, value, ".".join(parts[:cut]))
        if member is not None:
            yield cut, member


def _leaves(document: Document, value: Value, parts: Sequence[str], above: str, barred: list[str]) -> Iterator[Member]:
    for cut, member in _steps(document, value, parts):
        name = ".".join(filter(None, (above, *parts[:cut])))
        if cut == len(parts):
            yield member
        elif member.value.barrier:
            barred.append(f"{name} {member.value.barrier}, in line {document.line(member.value.start)}")
        else:
            yield from _leaves(document, member.value, parts[cut:], name, barred)


def _gap(document: Document, target: Value, at: str, name: str) -> Gap | str:
    """Return the place for a name that is not there, or why there can't be one."""
    mapping, rest, where = target, name.split("."), at
    if len(rest) > 1 and not all(rest):
        return f"{name!r} has an empty part"
    while True:
        step = next(((cut, m) for cut, m in _steps(document, mapping, rest) if cut < len(rest)), None)
        if step is None:
            break
        cut, member = step
        where = ".".join(filter(None, (where, *rest[:cut])))
        mapping, rest = member.value, rest[cut:]
        if mapping.members is None and mapping.items is None:
            return f"{where} is {document.shown(mapping)}"
    if mapping.members is None:
        return f"{where} is a list"
    if closed := document.closed(mapping):
        return f"{where} {closed}"
    inherits = any(m.key == MERGE_KEY for m in mapping.members)
    return Gap(mapping=mapping, name=where or "the top level", keys=tuple(rest), inherits=inherits)
