"""A YAML file as a document: its text, with the places of its values from the marks of the parser's events.

ruamel.yaml's own round trip would indent lists anew and join lines. Edits at marks change nothing else.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from hpsearch.system.documents.document import UNKNOWN, Document, Edit, Member, Value
from hpsearch.system.documents.reading import YAML_ERRORS, load_yaml, problem_of
from hpsearch.system.documents.scalars import yaml_text
from hpsearch.system.documents.values import reads_as

_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"(?<!\S)#[^\r\n]*")
_BREAK = re.compile(r"\r\n|\n|\r")
_LINE = re.compile(r"[^\r\n]*")
_TAGGED = re.compile(r"(?P<tag>!\S+)(?P<gap>\s+(?:#[^\r\n]*\s+)*|)(?P<text>.*)", re.DOTALL)
_OWN_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("float", "int", "str", "bool", "null", "seq", "map"))


class YamlDocument(Document):
    """See `Document`."""

    def parse(self) -> Value | None:
        """Return the value at the top, or None for an empty file."""
        try:
            events = list(YAML(typ="safe", pure=True).parse(self.text))
        except MarkedYAMLError as error:
            place = error.problem_mark.index if error.problem_mark else 0
            raise self.error(place, f"not valid YAML: {problem_of(error)}") from None
        except YAML_ERRORS as error:
            raise self.error(0, f"not valid YAML: {problem_of(error)}") from None
        starts = [event for event in events if isinstance(event, DocumentStartEvent)]
        if len(starts) > 1:
            raise self.error(starts[1].start_mark.index, "a second document begins; allowed: a file with one")
        version = starts[0].version if starts else None
        # In YAML 1.1 `yes` is true and 010 is 8, so a single value must be read with the file's version.
        self._directive = f"%YAML {version[0]}.{version[1]}\n---\n" if version else ""
        nodes = iter(e for e in events if isinstance(e, (NodeEvent, SequenceEndEvent, MappingEndEvent)))
        first = next(nodes, None)
        return None if first is None else self._value(first, nodes)

    def load(self, value: Value) -> Any:
        """Return a value as a reader of the file gets it; `UNKNOWN` if it depends on the rest of the file."""
        line = max(self.text.rfind("\n", 0, value.start), self.text.rfind("\r", 0, value.start)) + 1
        indent = " " * (value.start - line if value.block else 0)  # the other lines have it already
        return self._read(f"{indent}{self.text[value.start : value.end]}")

    def _read(self, text: str) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)  # 1e-4 in a file of version 1.1
                return load_yaml(f"{self._directive}{text}")
        except YAML_ERRORS:
            return UNKNOWN

    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value."""
        old = member.value
        text = self._in_style(value, self.text[old.start : old.end])
        if old.start == old.end:
            text = f" {text}"
        elif old.block and self._column(old.start) <= self._column(member.start):
            text = f"  {text}"  # a list may begin in the column of its key; a flow collection may not
        return Edit(old.start, old.end, text)

    def _in_style(self, value: Any, old: str) -> str:
        """Return a value's text in the style of what it replaces, with its tag if the tag fits the value too."""
        tagged = _TAGGED.fullmatch(old)
        if tagged is None:
            return yaml_text(value, old)
        tag, gap, text = tagged.groups()
        kept = f"{tag}{gap or ' '}{yaml_text(value, text)}"
        comment = gap.lstrip() if "#" in gap else ""
        return kept if reads_as(self._read(kept), value) else f"{comment}{yaml_text(value)}"

    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping."""
        pairs = [f"{self._key(mapping, name)}: {yaml_text(value)}" for name, value in members.items()]
        if mapping.block:
            return self._appended_lines(mapping, pairs)
        if not mapping.members:
            return Edit(mapping.start + 1, mapping.start + 1, ", ".join(pairs))
        last = mapping.members[-1].value.end
        rest = _COMMENT.sub(lambda comment: " " * len(comment[0]), self.text[last : mapping.end])
        comma = rest.find(",")
        if comma >= 0:
            return Edit(last + comma + 1, last + comma + 1, "".join(f" {pair}," for pair in pairs))
        return Edit(last, last, "".join(f", {pair}" for pair in pairs))

    def _appended_lines(self, mapping: Value, pairs: list[str]) -> Edit:
        line = _LINE.match(self.text, mapping.end)
        end = line.end() if line else mapping.end
        found = _BREAK.search(self.text)
        start = (found[0] if found else "\n") + " " * self._column(mapping.start)
        return Edit(end, end, "".join(f"{start}{pair}" for pair in pairs))

    def _key(self, mapping: Value, name: str) -> str:
        """Return a key's text, with the quotes of the mapping's last key."""
        last = mapping.members[-1].start if mapping.members else mapping.start
        quote = self.text[last]
        return yaml_text(name, quote if quote in "'\"" else "")

    def _column(self, place: int) -> int:
        return place - max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) - 1

    def _value(self, event: Event, events: Iterator[Event]) -> Value:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            return Value(start, end, content=self.text[start:end], barrier=f"is an alias (*{event.anchor})")
        if isinstance(event, ScalarEvent):
            return Value(start, self._scalar_end(event), content=event.value, barrier=_barrier(event))
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, events)
        return self._sequence(event, events)

    def _scalar_end(self, event: ScalarEvent) -> int:
        """Return where a scalar ends. The end mark of a block scalar comes after the blank lines below it."""
        start, end = event.start_mark.index, event.end_mark.index
        if event.style not in ("|", ">"):
            return int(end)
        text = self.text[start:end]
        return int(start + len(text.rstrip(" \t\r\n")))

    def _mapping(self, event: MappingStartEvent, events: Iterator[Event]) -> Value:
        members: list[Member] = []
        end = event.end_mark.index
        for key_event in events:
            if isinstance(key_event, MappingEndEvent):
                end = key_event.end_mark.index if event.flow_style else end
                break
            key = self._value(key_event, events)
            value = self._member_value(key, self._value(next(events), events))
            name = key_event.value if isinstance(key_event, ScalarEvent) else None
            members.append(Member(name, key.start, key.end, value))
            end = value.end
        block = not event.flow_style
        start = members[0].start if block and members else event.start_mark.index
        return Value(start, end, members=tuple(members), barrier=_barrier(event), block=block)

    def _member_value(self, key: Value, value: Value) -> Value:
        """Return a value. An empty one is put right after its colon, because its mark is at the next token."""
        if value.start != value.end:
            return value
        colon = _COLON.match(self.text, key.end)
        if colon is None:
            return Value(key.end, key.end, barrier="has no colon after its key")
        return Value(colon.end(), colon.end())

    def _sequence(self, event: Event, events: Iterator[Event]) -> Value:
        start, end = event.start_mark.index, event.end_mark.index
        flow = isinstance(event, CollectionStartEvent) and event.flow_style
        items = []
        for item in events:
            if isinstance(item, SequenceEndEvent):
                end = item.end_mark.index if flow else end
                break
            items.append(_item(self._value(item, events)))
            end = items[-1].end
        content = self.text[start:end]
        return Value(start, end, items=tuple(items), content=content, barrier=_barrier(event), block=not flow)


def _item(value: Value) -> Value:
    """Return an item of a list. An empty one has its mark at the next token."""
    return value if value.start != value.end else replace(value, barrier="is an empty item of a list")


def _barrier(event: Any) -> str:
    """Return why the value that an event begins can't be edited; empty if it can."""
    if event.anchor is not None:
        return f"has an anchor (&{event.anchor})"
    tag = None if event.tag is None or isinstance(event, MappingStartEvent) else str(event.tag)
    if tag is not None and tag not in _OWN_TAGS:
        return f"has a tag ({tag.replace('tag:yaml.org,2002:', '!!')})"
    return ""
