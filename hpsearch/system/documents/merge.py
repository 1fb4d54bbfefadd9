"""Merging a config into a mapping of an existing file. Only its values are edited; all else stays byte for byte.

A format's `Document` knows where the values are in the text, and how new text looks. This module decides what to edit.
It reads the result again, and refuses an edit that changed anything but the config's values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import InputError
from hpsearch.text import did_you_mean

TOP = "."  # the key of a file's top level
_LONGEST_SHOWN = 40
UNKNOWN = object()  # no config has this value


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a file.

    Attributes:
        start: Where its text begins.
        end: Where its text ends, without the comment or line break after it.
        members: The members of a mapping, in order; None if it is not a mapping.
        content: The value of a scalar as text, or the text of a list; empty for a mapping.
        barrier: Why it can't be edited; empty if it can.
        block: Whether it is a collection in block style.
    """

    start: int
    end: int
    members: tuple[Member, ...] | None = None
    content: str = ""
    barrier: str = ""
    block: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A key of a mapping with its value.

    Attributes:
        key: The key; None if it is not a scalar.
        start: Where the key's text begins.
        end: Where the key's text ends.
        value: The value.
    """

    key: str | None
    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in place of `text[start:end]`."""

    start: int
    end: int
    text: str


class Document(ABC):
    """A file's text with the places of its values.

    Args:
        text: The whole text of the file.
        file: The file as the user named it, for messages.

    Raises:
        InputError: The text can't be parsed, or holds several documents.
    """

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.root = self.parse()

    @abstractmethod
    def parse(self) -> Value | None:
        """Return the value at the top, or None for an empty file."""

    @abstractmethod
    def load(self, value: Value) -> Any:
        """Return a value as a reader of the file gets it; `UNKNOWN` if it depends on the rest of the file."""

    @abstractmethod
    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value."""

    @abstractmethod
    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping."""

    def error(self, place: int, problem: str) -> InputError:
        """Return an error with file and line."""
        line = self.text.count("\n", 0, place) + 1
        return InputError(f"{self.file}:{line}: {problem}")

    def shown(self, value: Value) -> str:
        """Return the first line of a value's text, shortened."""
        text = self.text[value.start : value.end].partition("\n")[0].strip()
        return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...") if text else "nothing"


def merge(document: Document, key: str, config: Mapping[str, Any], nested: Collection[str] = ()) -> str:
    """Return a document's text with a config merged into one of its mappings.

    Args:
        document: What to merge into.
        key: The mapping's keys joined by dots, or `.` for the top level.
        config: Values by name. A dotted name (`optimizer.lr`) leads into a nested mapping if the file has one.
        nested: Dotted names that must lead into one: it is an error if the file has none.

    Raises:
        InputError: The mapping does not exist, or can't be edited without changing something else.
    """
    target = _find(document, key)
    changed: list[tuple[Member, Any]] = []
    added: dict[int, tuple[Value, dict[str, Any]]] = {}
    for name, value in config.items():
        mapping, last, member = _place(document, target, name)
        if last == name and "." in name and member is None and name in nested:
            parent = name.rpartition(".")[0]
            known = ", ".join(m.key for m in target.members or () if m.key is not None)
            raise document.error(target.start, f"there is no mapping {parent!r} for {name!r}; allowed: {known}")
        if member is None:
            added.setdefault(mapping.start, (mapping, {}))[1][last] = value
        elif not _reads_as(document.load(member.value), value):
            _check_replaceable(document, member, value)
            changed.append((member, value))
    edits = [document.replaced(member, value) for member, value in changed]
    # If two mappings end on one line, the inner one must be extended first; it begins after the outer one.
    edits += [document.appended(*added[start]) for start in sorted(added, reverse=True)]
    text = _applied(document, edits)
    _verify(document, text, {member.value.start: value for member, value in changed}, added)
    return text


def _find(document: Document, key: str) -> Value:
    """Return the mapping at a key."""
    root = document.root
    if root is None:
        raise InputError(f"{document.file}: is empty; allowed: a file with a mapping at {key}, or a new file")
    value, done, parts = root, "", [] if key == TOP else key.split(".")
    _check_mapping(document, value, "the top level")
    while parts:
        cuts = ((cut, _member(document, value, ".".join(parts[:cut]))) for cut in range(1, len(parts) + 1))
        cut, member = next(((cut, member) for cut, member in cuts if member is not None), (0, None))
        if member is None:
            raise _missing(document, value, done, ".".join(parts))
        done, parts = ".".join(filter(None, (done, *parts[:cut]))), parts[cut:]
        value = member.value
        _check_mapping(document, value, done)
    return _without_merge_key(document, value, key)


def _check_mapping(document: Document, value: Value, name: str) -> None:
    allowed = "allowed: a mapping that nothing else refers to"
    if value.barrier:
        raise document.error(value.start, f"{name} {value.barrier}, so an edit could change other parts; {allowed}")
    if value.members is None:
        raise document.error(value.start, f"{name} is {document.shown(value)}; allowed: a mapping, such as {{}}")


def _without_merge_key(document: Document, mapping: Value, name: str) -> Value:
    merged = next((m for m in mapping.members or () if m.key == "<<"), None)
    if merged is not None:
        raise document.error(merged.start, f"{name} has a merge key (<<); allowed: a mapping with keys of its own only")
    return mapping


def _missing(document: Document, mapping: Value, parent: str, rest: str) -> InputError:
    known = [m.key for m in mapping.members or () if m.key is not None]
    hint = did_you_mean(rest.partition(".")[0], known)
    name = parent or "the top level"
    return document.error(mapping.start, f"{name} has no key {rest!r}; allowed: {', '.join(known) or 'none'}{hint}")


def _member(document: Document, mapping: Value, key: str) -> Member | None:
    found = [m for m in mapping.members or () if m.key == key]
    if len(found) > 1:
        raise document.error(found[1].start, f"{key!r} is there twice; allowed: once")
    return found[0] if found else None


def _place(document: Document, target: Value, name: str) -> tuple[Value, str, Member | None]:
    """Return the mapping that a name leads to, its key in that mapping, and its member if the key exists."""
    mapping, key, member = _nested(document, target, name.split(".")) or (target, name, None)
    if mapping is not target:
        _check_mapping(document, mapping, name.removesuffix(f".{key}"))
        _without_merge_key(document, mapping, name.removesuffix(f".{key}"))
    return mapping, key, member


def _nested(document: Document, mapping: Value, parts: Sequence[str]) -> tuple[Value, str, Member | None] | None:
    key = ".".join(parts)
    member = _member(document, mapping, key)
    if member is not None or len(parts) == 1:
        return mapping, key, member
    for cut in range(1, len(parts)):
        outer = _member(document, mapping, ".".join(parts[:cut]))
        if outer is not None and outer.value.barrier:
            _check_mapping(document, outer.value, ".".join(parts[:cut]))
        if outer is not None and outer.value.members is not None:
            found = _nested(document, outer.value, parts[cut:])
            if found is not None:
                return found
    return None


def _check_replaceable(document: Document, member: Member, value: Any) -> None:
    old = member.value
    if old.barrier:
        raise document.error(
            old.start, f"{member.key} {old.barrier}; allowed: a plain value, which a config can replace"
        )
    if old.members is not None and not isinstance(value, Mapping):
        raise document.error(
            old.start, f"{member.key} is a mapping, and {value!r} in the config; allowed: the same kind"
        )


def _applied(document: Document, edits: Sequence[Edit]) -> str:
    parts, done = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):  # stable, so appended members keep their order
        if edit.start < done:
            raise document.error(edit.start, "the config sets a value and a part of it; allowed: one of them")
        parts += [document.text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*parts, document.text[done:]])


def _verify(
    document: Document, text: str, changed: Mapping[int, Any], added: Mapping[int, tuple[Value, Mapping[str, Any]]]
) -> None:
    """Read edited text again, and refuse it if anything but the config's values has changed.

    Args:
        document: The document before the edits.
        text: The text after them.
        changed: New values, by the place of the old ones.
        added: Mappings with what was appended to them, by their place before the edits.
    """
    try:
        after = type(document)(text, document.file)
        same = (
            document.root is not None
            and after.root is not None
            and _same(after, document.root, after.root, changed, added)
        )
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{document.file}: laid out in a way that a merge would change more than the config's values, "
            "so nothing was changed; allowed: another key, or a new file"
        )


def _same(
    after: Document,
    old: Value,
    new: Value,
    changed: Mapping[int, Any],
    added: Mapping[int, tuple[Value, Mapping[str, Any]]],
) -> bool:
    """Whether a value has changed only as intended."""
    if old.start in changed:
        return _reads_as(after.load(new), changed[old.start])
    if old.members is None or new.members is None:
        return old.members is new.members and (old.content, old.barrier) == (new.content, new.barrier)
    more = added[old.start][1] if old.start in added else {}
    appended = new.members[len(old.members) :]
    return (
        [m.key for m in new.members] == [*(m.key for m in old.members), *more]
        and all(_reads_as(after.load(m.value), value) for m, value in zip(appended, more.values(), strict=True))
        and all(
            _same(after, before.value, now.value, changed, added)
            for before, now in zip(old.members, new.members, strict=False)
        )
    )


def _reads_as(found: Any, wanted: Any) -> bool:
    """Whether a file's value equals one of a config, of which 1, 1.0 and true are three.

    It looks no deeper than the config does, because aliases can make a file's value endless.
    """
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(_reads_as(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_reads_as, found, wanted))
    return repr(found) == repr(wanted)
