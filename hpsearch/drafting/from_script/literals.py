"""Values that are written out in Python source, found without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from hpsearch.drafting.from_script.setting import UNKNOWN
from hpsearch.system.plain import LARGEST_INTEGER

_MAX_DEPTH = 8
_LARGEST_BASE, _LARGEST_POWER = 1000, 100  # they limit the work of computing a power
_LONGEST_PATH = 4096
_PATHS = {"Path", "PurePath", "str", "int", "float"}  # calls that return their argument


def module_constants(tree: ast.Module) -> dict[str, Any]:
    """Return the values that a module's top level writes out, by name. Names that are assigned twice are left out."""
    found: dict[str, Any] = {}
    twice: set[str] = set()
    for node in tree.body:
        for name, value in _assigned(node):
            if name in found:
                twice.add(name)
            found[name] = evaluate(value, found)
    return {name: value for name, value in found.items() if value is not UNKNOWN and name not in twice}


def _assigned(node: ast.stmt) -> Iterable[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    return []


def evaluate(node: ast.expr | None, names: Mapping[str, Any], depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind
    """Return the value of an expression; `UNKNOWN` if it has more than literals, known names and paths."""
    if node is None or depth > _MAX_DEPTH:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return node.value if node.value is not Ellipsis else UNKNOWN
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [evaluate(item, names, depth + 1) for item in node.elts]
        deep = any(isinstance(part, list) for item in items if isinstance(item, list) for part in item)
        return UNKNOWN if deep or any(item is UNKNOWN for item in items) else items
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = evaluate(node.operand, names, depth + 1)
        return -value if type(value) in (int, float) else UNKNOWN
    if isinstance(node, ast.BinOp):
        return _arithmetic(node, names, depth + 1)
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords and called(node) in _PATHS:
        return evaluate(node.args[0], names, depth + 1)
    return UNKNOWN


def _arithmetic(node: ast.BinOp, names: Mapping[str, Any], depth: int) -> Any:
    left, right = evaluate(node.left, names, depth), evaluate(node.right, names, depth)
    if isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Div):
        path = f"{left.rstrip('/')}/{right}"  # as pathlib joins them
        return path if len(path) <= _LONGEST_PATH else UNKNOWN
    if type(left) not in (int, float) or type(right) not in (int, float):
        return UNKNOWN
    try:
        value: Any = UNKNOWN
        if isinstance(node.op, ast.Mult):
            value = left * right
        elif isinstance(node.op, ast.Div):
            value = left / right
        elif isinstance(node.op, ast.Pow) and abs(left) <= _LARGEST_BASE and abs(right) <= _LARGEST_POWER:
            value = left**right
    except (ArithmeticError, ValueError):
        return UNKNOWN
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        return UNKNOWN  # names that stand for products could build a number that fills the memory, in a few lines
    return value if type(value) in (int, float) else UNKNOWN  # a root of a negative number is complex


def called(node: ast.Call) -> str:
    """Return the last part of the called function's name; empty if it has no name."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
