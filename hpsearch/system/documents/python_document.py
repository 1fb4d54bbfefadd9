"""A Python file as a document: its module-level assignments, with the places of their values by Python's parser."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Mapping
from typing import Any

from hpsearch.system.documents.document import UNKNOWN, Document, Edit, Member, Value
from hpsearch.system.documents.python_names import bindings
from hpsearch.system.documents.python_parts import Part, parts_of
from hpsearch.system.documents.python_text import is_name, python_text
from hpsearch.system.documents.reading import Unknown

_BREAK = re.compile(r"\r\n|\n|\r")
_LINE = re.compile(r"[^\r\n]*")
_BYTE_ORDER_MARK = "\ufeff"
_ELSEWHERE = "takes members from elsewhere"
_LITERALS = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set)
_ERRORS = (SyntaxError, ValueError, MemoryError, RecursionError)  # what ast.parse raises


class PythonDocument(Document):
    """See `Document`. The top is a mapping of the names that the module assigns; `{...}` and `dict(...)` are mappings.

    A name can be set if the module binds it once, in a plain assignment outside of any block. A name that comes from
    elsewhere is a mapping of what the module assigns to parts of it, such as `optimizer.lr = 1e-4`.
    """

    def parse(self) -> Value | None:
        """Return the module's names as a mapping."""
        self._offset = len(_BYTE_ORDER_MARK) if self.text.startswith(_BYTE_ORDER_MARK) else 0
        code = self.text[self._offset :]
        self._lines = [self._offset, *(self._offset + found.end() for found in _BREAK.finditer(code))]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's on what stands elsewhere in the file
                module = ast.parse(code)
        except _ERRORS as error:
            line = getattr(error, "lineno", None) or 1
            place = self._lines[min(line, len(self._lines)) - 1]
            raise self.error(place, f"not valid Python: {getattr(error, 'msg', None) or error}") from None
        self._nodes: dict[int, ast.expr] = {}
        self._body = module.body
        plain = [one for one in module.body if isinstance(one, ast.Assign) and len(one.targets) == 1]
        self._assigned_to: dict[ast.AST, ast.expr] = {one.targets[0]: one.value for one in plain}
        members = [self._member(name, found) for name, found in bindings(module).items()]
        members.sort(key=lambda member: not member.value.barrier)  # so that an appended member comes last
        return Value(0, len(self.text), members=tuple(members))

    def load(self, value: Value) -> Any:
        """Return a value as an import gets it, tuples as lists; `UNKNOWN` if it is no literal."""
        node = self._nodes.get(value.start)
        return UNKNOWN if node is None else literal(node)

    def content(self) -> dict[str, Any]:
        """Return the values of the names that are set once, `Unknown` for those that are no literals."""
        return {} if self.root is None else self._content(self.root)

    def _content(self, value: Value) -> Any:
        if value.members is not None:
            known = {member.key: self._content(member.value) for member in value.members if member.key is not None}
            return {key: one for key, one in known.items() if one is not UNKNOWN}
        if value.barrier:
            return UNKNOWN
        found = self.load(value)
        return Unknown(self.shown(value)) if found is UNKNOWN else found

    def closed(self, mapping: Value) -> str:
        """Return why a mapping can't get new members; empty if it can."""
        has_text = mapping is self.root or mapping.start in self._nodes
        return "" if has_text else "is assigned part by part, and this part is not"

    def formula(self, value: Value) -> str:
        """Return the text of a value that is no literal."""
        is_formula = value.members is None and not value.barrier and self.load(value) is UNKNOWN
        return self.text[value.start : value.end] if is_formula else ""

    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value."""
        old = member.value
        return Edit(old.start, old.end, python_text(value, self.text[old.start : old.end]))

    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping.

        Raises:
            InputError: A name is none of Python's, or the module has no assignment to add one after.
        """
        node = self._nodes.get(mapping.start) if mapping is not self.root else None
        if node is None:
            return self._assigned(members)
        call = isinstance(node, ast.Call)
        if call:
            self._check_names(members)
        quote = self.text[mapping.members[-1].start] if mapping.members else ""
        keys = [f"{name}=" if call else f"{python_text(name, quote)}: " for name in members]
        pairs = [f"{key}{python_text(value)}" for key, value in zip(keys, members.values(), strict=True)]
        if not mapping.members:
            return Edit(mapping.end - 1, mapping.end - 1, ", ".join(pairs))
        place, comma = self._last_token(mapping)
        text = "".join(f" {pair}," for pair in pairs) if comma else "".join(f", {pair}" for pair in pairs)
        return Edit(place, place, text)

    def _last_token(self, mapping: Value) -> tuple[int, bool]:
        """Return where the last token before a mapping's closing bracket ends, and whether it is a comma."""
        text = self.text[mapping.start : mapping.end]
        starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        last = [one for one in tokens if one.string.strip() and one.type != tokenize.COMMENT][-2]
        row, column = last.end
        return mapping.start + starts[row - 1] + column, last.string == ","

    def _assigned(self, members: Mapping[str, Any]) -> Edit:
        self._check_names(members)
        plain = [number for number, one in enumerate(self._body) if isinstance(one, (ast.Assign, ast.AnnAssign))]
        if not plain:
            raise self.error(0, "has no assignment to add one after; allowed: a file with one")
        last = plain[-1]
        while last + 1 < len(self._body) and self._body[last + 1].lineno == self._body[last].end_lineno:
            last += 1  # another statement after a semicolon
        end = self._place(self._body[last].end_lineno or 1, self._body[last].end_col_offset or 0)
        line = _LINE.match(self.text, end)
        end = line.end() if line else end
        found = _BREAK.search(self.text)
        break_ = found[0] if found else "\n"
        return Edit(end, end, "".join(f"{break_}{name} = {python_text(value)}" for name, value in members.items()))

    def _check_names(self, members: Mapping[str, Any]) -> None:
        for name in members:
            if not is_name(name):
                raise self.error(0, f"{name!r} is no name that Python can assign; allowed: a name of letters and _")

    def _member(self, name: str, found: list[ast.AST]) -> Member:
        """Return a name of the module."""
        first = found[0]
        start = self._start(first)
        if (parts := self._parts(found)) is not None:
            return Member(name, start, start, self._value_of_parts(parts, start))
        if len(found) > 1:
            again = self._start(found[1])
            return Member(name, start, start, Value(again, again, barrier="is set or changed a second time"))
        value = first.value if first in self._body and isinstance(first, (ast.Assign, ast.AnnAssign)) else None
        targets = first.targets if isinstance(first, ast.Assign) else [getattr(first, "target", None)]
        if value is None or len(targets) > 1 or not isinstance(targets[0], ast.Name):
            return Member(name, start, start, Value(start, start, barrier="is not set by a plain assignment"))
        return Member(name, start, start + len(name), self._value(value))

    def _parts(self, found: list[ast.AST]) -> Part | None:
        """Return what the module assigns of a name that comes from elsewhere; None for other names."""
        first = found[0]
        if isinstance(first, (ast.Import, ast.ImportFrom)):
            return parts_of(found[1:], self._assigned_to)
        if isinstance(first, ast.AnnAssign) or (
            isinstance(first, ast.Assign) and first.targets[0] in self._assigned_to
        ):
            is_own = first.value is None or isinstance(first.value, _LITERALS) or self._is_dict(first.value)
            return None if is_own or first not in self._body else parts_of(found[1:], self._assigned_to)
        return parts_of(found, self._assigned_to)

    def _is_dict(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict"

    def _value_of_parts(self, part: Part, start: int) -> Value:
        if part.value is not None:
            return self._value(part.value)
        members = []
        for key, inner in part.inner.items():
            # The expressions up to different parts begin alike, and end in different places.
            target = inner.target or ast.Constant(None)
            place = self._place(target.end_lineno or 1, target.end_col_offset or 0)
            members.append(Member(key, place, place, self._value_of_parts(inner, place)))
        return Value(start, start, members=tuple(members))

    def _value(self, node: ast.expr) -> Value:
        start, end = self._start(node), self._place(node.end_lineno or 1, node.end_col_offset or 0)
        text = self.text[start:end]
        self._nodes.setdefault(start, node)
        if isinstance(node, ast.Dict):
            return self._dict(node, start, end)
        if isinstance(node, ast.Call) and self._is_dict(node):
            if node.args or not all(keyword.arg for keyword in node.keywords):
                return Value(start, end, content=text, barrier=_ELSEWHERE)
            places = [(keyword, self._start(keyword)) for keyword in node.keywords]
            members = [Member(keyword.arg, place, place, self._value(keyword.value)) for keyword, place in places]
            return Value(start, end, members=tuple(members))
        if isinstance(node, (ast.List, ast.Tuple)) and text[:1] in "[(" and self._is_whole(node, text):
            items = tuple(self._value(item) for item in node.elts)
            return Value(start, end, items=items, content=text)
        return Value(start, end, content=text)

    def _is_whole(self, node: ast.List | ast.Tuple, text: str) -> bool:
        """Whether a list has its own brackets and its own items: `(1, 2), 3` and `[*a]` do not."""
        own = not node.elts or self._start(node.elts[0]) != self._start(node)
        return own and text[-1:] in "])" and not any(isinstance(item, ast.Starred) for item in node.elts)

    def _dict(self, node: ast.Dict, start: int, end: int) -> Value:
        if None in node.keys:
            return Value(start, end, content=self.text[start:end], barrier=_ELSEWHERE)
        members = []
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
            place = start if key is None else self._start(key)
            members.append(Member(name, place, place, self._value(value)))
        return Value(start, end, members=tuple(members))

    def _start(self, node: Any) -> int:
        return self._place(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))

    def _place(self, line: int, column: int) -> int:
        """Return a place in the text. Python counts the bytes of a line in UTF-8."""
        start = self._lines[line - 1]
        found = _LINE.match(self.text, start)
        return start + len((found[0] if found else "").encode()[:column].decode())


def literal(node: ast.expr) -> Any:
    """Return the value of a literal, with lists for tuples; `UNKNOWN` for any other expression."""
    if isinstance(node, ast.Call):
        return _called(node)
    try:
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [literal(item) for item in node.elts]
            return UNKNOWN if any(item is UNKNOWN for item in items) else items
        if isinstance(node, ast.Dict):
            keys = [UNKNOWN if key is None else ast.literal_eval(key) for key in node.keys]
            values = [literal(value) for value in node.values]
            return UNKNOWN if any(one is UNKNOWN for one in (*keys, *values)) else dict(zip(keys, values, strict=True))
        return ast.literal_eval(node)
    except (*_ERRORS, TypeError):
        return UNKNOWN


def _called(node: ast.Call) -> Any:
    """Return the value of `float("inf")` and `dict(a=1)`."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name == "dict" and not node.args:
        values = {keyword.arg: literal(keyword.value) for keyword in node.keywords}
        return UNKNOWN if None in values or any(one is UNKNOWN for one in values.values()) else values
    if name == "float" and len(node.args) == 1 and not node.keywords:
        text = literal(node.args[0])
        if isinstance(text, str) and text.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return float(text)
    return UNKNOWN
