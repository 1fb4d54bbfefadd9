"""A TOML file as a document: its text, with the places of its values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.errors import InputError
from hpsearch.system.documents.document import UNKNOWN, Document, Edit, Member, Value
from hpsearch.system.documents.scalars import TOML_BARE, toml_text, toml_text_of_key

_KEY = re.compile(rf"\s*(?:(?P<bare>{TOML_BARE})|(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'[^']*'))[ \t]*")
_SKIP = re.compile(r"(?:\s+|#[^\n]*)*")
_LINE = re.compile(r"[^\n]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\n\r]+")


@dataclass
class _Table:
    """A table, while the text is being read.

    Attributes:
        start: Its place, which no other table or value shares.
        insert: Where a line with a new member goes; None if the table has no lines of its own.
        prefix: The text before a new member's key.
        children: Tables by key, each with the place of the key.
        values: The other members, in order.
        arrays: Arrays of tables by key, each with the place of the key and the texts of its tables.
    """

    start: int
    insert: int | None
    prefix: str = ""
    children: dict[str, tuple[int, int, _Table]] = field(default_factory=dict)
    values: list[Member] = field(default_factory=list)
    arrays: dict[str, tuple[int, int, list[str]]] = field(default_factory=dict)

    def value(self) -> Value:
        """Return the table as a value. Inner tables come first, so that appended members come last."""
        members = [Member(key, start, end, table.value()) for key, (start, end, table) in self.children.items()]
        barrier = "is an array of tables"
        members += [
            Member(key, start, end, Value(start, end, content="".join(texts), barrier=barrier))
            for key, (start, end, texts) in self.arrays.items()
        ]
        return Value(self.start, self.start, members=(*members, *self.values), block=True)


class TomlDocument(Document):
    """See `Document`. New members go to the end of their table, in the style of its last member."""

    def parse(self) -> Value | None:
        """Return the value at the top; an empty file is an empty table."""
        try:
            tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at (?:line (\d+)|end)", str(error))
            line = int(found[1]) if found and found[1] else self.text.count("\n") + 1
            raise InputError(f"{self.file}:{line}: not valid TOML: {error}") from None
        except ValueError as error:  # an integer with more digits than Python reads
            raise InputError(f"{self.file}: not valid TOML: {error}") from None
        self._tables: dict[int, _Table] = {}
        root = self._table(0, insert=0)
        self._read(root)
        return root.value()

    def load(self, value: Value) -> Any:
        """Return a value as a reader of the file gets it; `UNKNOWN` for a table, whose members may be anywhere."""
        if value.start in self._tables:
            return UNKNOWN
        return tomllib.loads(f"x = {self.text[value.start : value.end]}")["x"]

    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value.

        Raises:
            InputError: TOML has no such value, or the old one is a table.
        """
        old = member.value
        if old.start in self._tables:
            raise self.error(member.start, f"{member.key} is a table; allowed: its members by --map or dotted names")
        text = self._text(value, member.key or "", self.text[old.start : old.end])
        return Edit(old.start, old.end, text)

    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping.

        Raises:
            InputError: The mapping has no lines of its own in the text, or TOML has no such value.
        """
        table = self._tables.get(mapping.start)
        if table is None:
            return self._in_line(mapping, members)
        if table.insert is None:
            raise self.error(mapping.start, "the table has no header of its own to add to; allowed: a table with one")
        last = table.values[-1] if table.values else None
        gap = self.text[last.end : last.value.start] if last else " = "
        line = self.text.rfind("\n", 0, last.start) + 1 if last else 0
        indent = re.match(r"[ \t]*", self.text[line:]) if last else None
        before = indent[0] if indent else ""
        lines = [
            f"{before}{table.prefix}{toml_text_of_key(name)}{gap}{self._text(value, name)}"
            for name, value in members.items()
        ]
        break_ = "\r\n" if "\r\n" in self.text else "\n"
        if table.insert == 0:  # the top level of a file that begins with a table, or is empty
            return Edit(0, 0, break_.join([*lines, "", ""] if self.text else [*lines, ""]))
        return Edit(table.insert, table.insert, "".join(f"{break_}{text}" for text in lines))

    def _in_line(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        pairs = [f"{toml_text_of_key(name)} = {self._text(value, name)}" for name, value in members.items()]
        if mapping.members:
            end = mapping.members[-1].value.end
            return Edit(end, end, "".join(f", {pair}" for pair in pairs))
        return Edit(mapping.start, mapping.end, f"{{ {', '.join(pairs)} }}")

    def _text(self, value: Any, name: str, old: str = "") -> str:
        return toml_text(value, f"{self.file}: {name}", old)

    def _table(self, start: int, insert: int | None, prefix: str = "") -> _Table:
        table = _Table(start, insert, prefix)
        self._tables[start] = table
        return table

    def _read(self, root: _Table) -> None:
        """Read all statements. The text is valid TOML, so few checks are needed."""
        current: _Table | None = root
        array: list[str] | None = None
        at = self._skip(0)
        while at < len(self.text):
            begin = at
            if self.text[at] == "[":
                double = self.text.startswith("[[", at)
                keys, at = self._keys(at + (2 if double else 1))
                at += 2 if double else 1
                current, array = self._header(root, keys, at, double=double)
            else:
                keys, at = self._keys(at)
                value = self._value(self._skip_blanks(at + 1))  # 1 for the equals sign
                at = value.end
                if current is not None:
                    self._set(current, keys, value)
            if array is not None:
                array.append(self.text[begin:at])
            at = self._skip(at)

    def _header(
        self, root: _Table, keys: list[tuple[str, int, int]], end: int, *, double: bool
    ) -> tuple[_Table | None, list[str] | None]:
        """Return the table that a header begins, or the texts of the array of tables that it belongs to."""
        table = root
        for key, start, stop in keys[:-1]:
            if key in table.arrays:
                return None, table.arrays[key][2]
            if key not in table.children:
                table.children[key] = (start, stop, self._table(start, insert=None))
            table = table.children[key][2]
        key, start, stop = keys[-1]
        if double or key in table.arrays:
            return None, table.arrays.setdefault(key, (start, stop, []))[2]
        if key not in table.children:
            table.children[key] = (start, stop, self._table(start, insert=None))
        found = table.children[key][2]
        found.insert = self._line_end(end)
        return found, None

    def _set(self, table: _Table, keys: list[tuple[str, int, int]], value: Value) -> None:
        """Put a member into a table, or into the inner table that its dotted key leads to."""
        table.insert = self._line_end(value.end)
        for key, start, stop in keys[:-1]:
            if key not in table.children:
                prefix = f"{table.prefix}{self.text[start:stop]}."
                table.children[key] = (start, stop, self._table(start, insert=None, prefix=prefix))
            table = table.children[key][2]
            table.insert = self._line_end(value.end)
        key, start, _ = keys[-1]
        table.values.append(Member(key, start, keys[-1][2], value))

    def _keys(self, at: int) -> tuple[list[tuple[str, int, int]], int]:
        """Return the parts of a key with their places, and where the key ends."""
        keys = []
        while found := _KEY.match(self.text, at):
            group = "bare" if found["bare"] else "quoted"
            text = found[group]
            keys.append((text if found["bare"] else self._string(text), found.start(group), found.end(group)))
            at = found.end()
            if not self.text.startswith(".", at):
                break
            at += 1
        return keys, at

    def _string(self, text: str) -> str:
        return str(tomllib.loads(f"x = {text}")["x"])

    def _value(self, start: int) -> Value:
        if self.text[start] == "{":
            return self._inline_table(start)
        if self.text[start] == "[":
            items, at = [], self._skip(start + 1)
            while self.text[at] != "]":
                items.append(self._value(at))
                at = self._skip(items[-1].end)
                at = self._skip(at + 1) if self.text[at] == "," else at
            return Value(start, at + 1, items=tuple(items), content=self.text[start : at + 1])
        found = _STRING.match(self.text, start)
        end = found.end() if found else start + len(self._plain(start))
        return Value(start, end, content=self.text[start:end])

    def _plain(self, start: int) -> str:
        found = _PLAIN.match(self.text, start)
        return found[0].rstrip() if found else ""

    def _inline_table(self, start: int) -> Value:
        table, at = _Table(start, insert=None), self._skip(start + 1)
        dotted = False
        while self.text[at] != "}":
            keys, at = self._keys(at)
            value = self._value(self._skip_blanks(at + 1))
            dotted = dotted or len(keys) > 1
            table.values.append(Member(keys[-1][0], keys[-1][1], keys[-1][2], value))
            at = self._skip(value.end)
            at = self._skip(at + 1) if self.text[at] == "," else at
        if dotted:
            return Value(start, at + 1, content=self.text[start : at + 1], barrier="has dotted keys in braces")
        return Value(start, at + 1, members=tuple(table.values))

    def _line_end(self, at: int) -> int:
        found = _LINE.match(self.text, at)
        end = found.end() if found else at
        return end - 1 if self.text[:end].endswith("\r") else end

    def _skip(self, at: int) -> int:
        found = _SKIP.match(self.text, at)
        return found.end() if found else at

    def _skip_blanks(self, at: int) -> int:
        while self.text[at] in " \t":
            at += 1
        return at
