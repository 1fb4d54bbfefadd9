"""A JSON file as a document: its text, with the places of its values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hpsearch.system.documents.document import Document, Edit, Member, Value
from hpsearch.system.documents.scalars import json_text

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_DECODER = json.JSONDecoder()


class JsonDocument(Document):
    """See `Document`. New members get the white space of the last one, or that of the file in an empty object."""

    def parse(self) -> Value | None:
        """Return the value at the top, or None for an empty file."""
        start = self._skip(0)
        if start == len(self.text):
            return None
        try:
            json.loads(self.text[start:])
        except json.JSONDecodeError as error:
            raise self.error(
                start + error.pos, f"not valid JSON: {error.msg}; allowed: JSON without comments"
            ) from None
        except ValueError as error:  # an integer with more digits than Python reads
            raise self.error(start, f"not valid JSON: {error}; allowed: smaller numbers") from None
        return self._value(start)

    def load(self, value: Value) -> Any:
        """Return a value as a reader of the file gets it."""
        return json.loads(self.text[value.start : value.end])

    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value."""
        old = member.value
        return Edit(old.start, old.end, json_text(value, self.text[old.start : old.end]))

    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping."""
        if not mapping.members:
            return self._filled(mapping, members)
        last = mapping.members[-1]
        before = mapping.members[-2].value.end if len(mapping.members) > 1 else mapping.start
        gap = self.text[before : last.start].partition("," if len(mapping.members) > 1 else "{")[2]
        colon = self.text[last.end : last.value.start]
        # {"a": 1} has no gap to copy, but a blank after its colon.
        gap = gap or " " * colon.endswith(" ")
        added = (f",{gap}{json_text(name)}{colon}{json_text(value)}" for name, value in members.items())
        return Edit(last.value.end, last.value.end, "".join(added))

    def _filled(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        pairs = [f"{json_text(name)}: {json_text(value)}" for name, value in members.items()]
        unit = re.search(r"(\r?\n)([ \t]+)\S", self.text)
        if unit is None:
            return Edit(mapping.start + 1, mapping.end - 1, ", ".join(pairs))
        line = self.text.rfind("\n", 0, mapping.start) + 1
        rest = self.text[line:]
        break_ = unit[1] + rest[: len(rest) - len(rest.lstrip(" \t"))]
        inner = f",{break_}{unit[2]}".join(pairs)
        return Edit(mapping.start + 1, mapping.end - 1, f"{break_}{unit[2]}{inner}{break_}")

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _value(self, start: int) -> Value:
        if self.text[start] == "[":
            return self._list(start)
        if self.text[start] != "{":
            _, end = _DECODER.raw_decode(self.text, start)
            return Value(start, end, content=self.text[start:end])
        members = []
        at = self._skip(start + 1)
        while self.text[at] != "}":
            key, key_end = _DECODER.raw_decode(self.text, at)
            value = self._value(self._skip(self._skip(key_end) + 1))  # 1 for the colon
            members.append(Member(key, at, key_end, value))
            at = self._skip(value.end)
            if self.text[at] == ",":
                at = self._skip(at + 1)
        return Value(start, at + 1, members=tuple(members))

    def _list(self, start: int) -> Value:
        items = []
        at = self._skip(start + 1)
        while self.text[at] != "]":
            items.append(self._value(at))
            at = self._skip(items[-1].end)
            if self.text[at] == ",":
                at = self._skip(at + 1)
        return Value(start, at + 1, items=tuple(items), content=self.text[start : at + 1])
