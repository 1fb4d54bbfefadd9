"""Merging a config into a mapping of an existing file. Only its values are edited; all else stays byte for byte.

`places` says what leads where. This module makes the edits, reads the result again, and refuses an edit that changed
anything but the config's values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import InputError
from hpsearch.system.documents.document import Document, Edit, Member, Value
from hpsearch.system.documents.places import Gap, Placing
from hpsearch.system.documents.values import reads_as


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A document with a config in it.

    Attributes:
        text: The whole text.
        added: The names that the file did not have.
        replaced: The texts of replaced values that were computed from others, by name.
    """

    text: str
    added: tuple[str, ...]
    replaced: Mapping[str, str]


Added = dict[int, tuple[Value, dict[str, Any]]]
"""What mappings get, by their place: the mapping, and its new members."""


def merge(document: Document, placing: Placing, config: Mapping[str, Any]) -> Merged:
    """Return a document with a config merged into it.

    Args:
        document: What to merge into.
        placing: Where the config's names lead in it. What has no place yet is added.
        config: Values by name.

    Raises:
        InputError: A name leads nowhere, or a value can't be edited without changing something else.
    """
    changed: list[tuple[Member, Any]] = []
    replaced: dict[str, str] = {}
    added: Added = {}
    for name, value in config.items():
        member = placing.there.get(name)
        if name in placing.nowhere:
            raise document.error(placing.target.start, f"has no place for {name}: {placing.nowhere[name]}")
        if member is None:
            gap = placing.gaps[name]
            _add(document, added.setdefault(gap.mapping.start, (gap.mapping, {}))[1], gap, name, value)
        elif not reads_as(document.load(member.value), value):
            changed.append((member, value))
            if formula := document.formula(member.value):
                replaced[name] = formula
    edits = [document.replaced(member, value) for member, value in changed]
    # If two mappings end on one line, the inner one must be extended first; it begins after the outer one.
    edits += [document.appended(*added[start]) for start in sorted(added, reverse=True)]
    text = _applied(document, edits)
    _verify(document, text, {member.value.start: value for member, value in changed}, added)
    new = tuple(name for name in config if name not in placing.there)
    return Merged(text=text, added=new, replaced=replaced)


def _add(document: Document, members: dict[str, Any], gap: Gap, name: str, value: Any) -> None:
    """Put a value into new members, and make the mappings that it needs."""
    *outer, last = gap.keys
    inner: Any = members
    for key in outer:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            break
    if not isinstance(inner, dict) or last in inner:
        raise document.error(gap.mapping.start, f"{name} would be a value and a mapping; allowed: one of them")
    inner[last] = value


def _applied(document: Document, edits: Sequence[Edit]) -> str:
    parts, done = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):  # stable, so appended members keep their order
        if edit.start < done:
            raise document.error(edit.start, "the config sets a value and a part of it; allowed: one of them")
        parts += [document.text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*parts, document.text[done:]])


def _verify(document: Document, text: str, changed: Mapping[int, Any], added: Added) -> None:
    """Read edited text again, and refuse it if anything but the config's values has changed.

    Args:
        document: The document before the edits.
        text: The text after them.
        changed: New values, by the place of the old ones.
        added: What was appended.
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


def _same(after: Document, old: Value, new: Value, changed: Mapping[int, Any], added: Added) -> bool:
    """Whether a value has changed only as intended."""
    if old.start in changed:
        return reads_as(after.load(new), changed[old.start])
    if old.items is not None and new.items is not None:
        pairs = zip(old.items, new.items, strict=False)
        return len(old.items) == len(new.items) and all(_same(after, a, b, changed, added) for a, b in pairs)
    if old.members is None or new.members is None:
        return old.members is new.members and (old.content, old.barrier) == (new.content, new.barrier)
    more = added[old.start][1] if old.start in added else {}
    appended = new.members[len(old.members) :]
    return (
        [m.key for m in new.members] == [*(m.key for m in old.members), *more]
        and all(reads_as(after.load(m.value), value) for m, value in zip(appended, more.values(), strict=True))
        and all(
            _same(after, before.value, now.value, changed, added)
            for before, now in zip(old.members, new.members, strict=False)
        )
    )
