"""What names stand for at a place of a script: texts and dictionaries that are built first and printed later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hpsearch.drafting.from_script.literals import called

Entries = dict[str, ast.expr | None]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEPTH = 6
_MOST_PARTS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Variables:
    """The statements that a place can see.

    Attributes:
        assigned: By name, what the function and the module assign, in the order of lines; each with its way: `=`,
            `+=`, `[]=`, `update` or `append`.
        line: Statements after it are not seen.
        bound: Parameters of the function, with what its callers give.
        depth: How many names were followed.
    """

    assigned: Mapping[str, tuple[tuple[int, str, ast.expr, str], ...]]
    line: int
    bound: Mapping[str, ast.expr]
    depth: int = 0

    def before(self, line: int) -> Variables:
        """Return what a statement sees: what stands before its line."""
        return replace(self, depth=self.depth + 1, line=line - 1)

    def text_parts(self, node: ast.Name) -> list[tuple[ast.expr, Variables]]:
        """Return the parts that a name's text was put together from, with what each sees; empty if they are no text."""
        if self.depth > _DEPTH:
            return []
        if node.id in self.bound:
            return [(self.bound[node.id], self.before(self.line))]
        parts = [(line, value) for line, way, value, _ in self._since(node.id) if way in ("=", "+=")]
        if not any(_is_text(value) for _, value in parts):
            return []
        return [(value, self.before(line)) for line, value in parts[-_MOST_PARTS:]]

    def items(self, node: ast.expr) -> list[ast.expr]:
        """Return the items of a list, also of one that was built first; empty if they are not known."""
        if isinstance(node, (ast.List, ast.Tuple)):
            return [item for item in node.elts if not isinstance(item, ast.Starred)]
        if not isinstance(node, ast.Name):
            return []
        found: list[ast.expr] = []
        for _, way, value, _ in self._since(node.id):
            if way == "append":
                found.append(value)
            elif isinstance(value, (ast.List, ast.Tuple)):
                found += value.elts
        return found

    def entries(self, node: ast.expr, depth: int = 0) -> Entries:
        """Return the values of a dictionary by key; what is not known has None, under a key of stars."""
        if depth > _DEPTH:
            return {}
        if isinstance(node, ast.Dict):
            return self._of_pairs(zip(node.keys, node.values, strict=True), depth)
        if isinstance(node, ast.Call) and called(node) in {"dict", "OrderedDict"}:
            found = self.entries(node.args[0], depth + 1) if node.args else {}
            return found | self._of_pairs(((_key(k.arg), k.value) for k in node.keywords), depth)
        if not isinstance(node, ast.Name):
            return {}
        result: Entries = {}
        for _, way, value, key in self._since(node.id):
            if way == "[]=" and key:
                result[key] = value
            elif way == "=" and _is_object(value):
                return {}  # which has no keys, though it may have a method `update`
            elif way in ("=", "update", "|="):
                result |= self.entries(value, depth + 1)
        return result

    def _of_pairs(self, pairs: Iterator[tuple[ast.expr | None, ast.expr]], depth: int) -> Entries:
        result: Entries = {}
        for key, value in pairs:
            if isinstance(key, ast.Constant):
                result[str(key.value)] = value
                continue
            inner = self.entries(value, depth + 1) if key is None else {}
            result |= inner or {"*" * (len(result) + 1): None}
        return result

    def _since(self, name: str) -> list[tuple[int, str, ast.expr, str]]:
        """Return what happened to a name since it was last assigned anew."""
        seen = [one for one in self.assigned.get(name, ()) if one[0] <= self.line]
        start = max((number for number, one in enumerate(seen) if one[1] == "="), default=0)
        return seen[start:]


def assignments(scope: ast.AST) -> dict[str, tuple[tuple[int, str, ast.expr, str], ...]]:
    """Return what a function or a module does to each name, without the functions in it."""
    found: dict[str, list[tuple[int, str, ast.expr, str]]] = {}
    for node in own_nodes(scope):
        for name, way, value, key in _changes(node):
            found.setdefault(name, []).append((node.lineno, way, value, key))  # type: ignore[attr-defined] # a statement
    return {name: tuple(sorted(changes, key=lambda one: one[0])) for name, changes in found.items()}


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or a module that belong to no function in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, str, ast.expr, str]]:
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, "=", node.value, ""
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                key = target.slice.value if isinstance(target.slice, ast.Constant) else ""
                yield target.value.id, "[]=", node.value, str(key)
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, "|=" if isinstance(node.op, ast.BitOr) else "+=", node.value, ""
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        yield from _of_method(node, node.func.value.id, node.func.attr)


def _of_method(node: ast.Call, name: str, method: str) -> Iterator[tuple[str, str, ast.expr, str]]:
    if method == "append" and node.args:
        yield name, "append", node.args[0], ""
    elif method == "update":
        for argument in node.args[:1]:
            yield name, "update", argument, ""
        for keyword in node.keywords:
            if keyword.arg:
                yield name, "[]=", keyword.value, keyword.arg


def _key(name: str | None) -> ast.expr | None:
    return None if name is None else ast.Constant(name)


def _is_object(node: ast.expr) -> bool:
    """Return whether an expression makes an object of a class that is no dictionary."""
    name = called(node) if isinstance(node, ast.Call) else ""
    return name[:1].isupper() and "Dict" not in name and name != "Counter"


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Mod, ast.Add)) and (_is_text(node.left) or _is_text(node.right))
    if isinstance(node, ast.Call):
        return called(node) in {"format", "join", "dumps"}
    return isinstance(node, ast.JoinedStr)
