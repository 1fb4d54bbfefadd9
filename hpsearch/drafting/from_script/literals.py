"""Values that are written out in Python source, found without running it."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.from_script.setting import UNKNOWN
from hpsearch.system.plain import LARGEST_INTEGER

_MAX_DEPTH = 12
_LARGEST_BASE, _LARGEST_POWER = 1000, 100  # they limit the work of computing a power
_LONGEST_TEXT = 4096
_MOST_ITEMS = 500
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}
_NESTED = 3  # levels of lists in a list: names that stand for lists of lists could make a short file endless
_CASTS = {"Path", "PurePath", "str", "int", "float", "list", "tuple", "abspath", "expanduser", "normpath", "realpath"}
_TEXTS = {"lower", "upper", "strip", "lstrip", "rstrip", "replace", "title", "removeprefix", "format"}


@dataclass(frozen=True, slots=True)
class Named:
    """Something that is not a value, by the last part of its name: a type, a function, an action of argparse."""

    name: str


def module_constants(tree: ast.Module) -> dict[str, Any]:
    """Return the values that a module's top level writes out, by name. Names that are assigned twice are left out."""
    found: dict[str, Any] = {}
    twice: set[str] = set()
    for node in tree.body:
        for name, value in assigned(node):
            if name in found:
                twice.add(name)
            found[name] = evaluate(value, found)
        if isinstance(node, ast.ClassDef):
            inner = ((f"{node.name}.{name}", value) for part in node.body for name, value in assigned(part))
            found |= {name: evaluate(value, found) for name, value in inner}
    return {name: value for name, value in found.items() if value is not UNKNOWN and name not in twice}


def assigned(node: ast.stmt) -> Iterable[tuple[str, ast.expr]]:
    """Return the names that a statement assigns, each with its expression."""
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    return []


def evaluate(node: ast.expr | None, names: Mapping[str, Any], depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind
    """Return the value of an expression; `UNKNOWN` if it has more than literals, known names, paths and their texts.

    An item of a list or a mapping that can't be read is `UNKNOWN` in it.
    """
    if node is None or depth > _MAX_DEPTH:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return node.value if node.value is not Ellipsis else UNKNOWN
    if isinstance(node, (ast.Name, ast.Attribute)):
        return names.get(dotted(node), UNKNOWN)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return _bounded([evaluate(item, names, depth + 1) for item in node.elts])
    if isinstance(node, ast.Dict):
        return _mapping(node, names, depth + 1)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = evaluate(node.operand, names, depth + 1)
        return -value if type(value) in (int, float) else UNKNOWN
    if isinstance(node, ast.BinOp):
        return _arithmetic(node, names, depth + 1)
    if isinstance(node, ast.Subscript):
        return _item(evaluate(node.value, names, depth + 1), evaluate(node.slice, names, depth + 1))
    return _compound(node, names, depth + 1)


def _compound(node: ast.expr, names: Mapping[str, Any], depth: int) -> Any:
    if isinstance(node, ast.JoinedStr):
        return _joined([evaluate(_shown(part), names, depth) for part in node.values])
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        # Before an `or` stands what may be there, such as a variable of the environment; after it, the default.
        values = [evaluate(part, names, depth) for part in node.values]
        return next((value for value in values if value is not UNKNOWN and value), values[-1])
    return _call(node, names, depth) if isinstance(node, ast.Call) else UNKNOWN


def described(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression, or a `Named` for what has only a name; `UNKNOWN` for the rest."""
    value = evaluate(node, names)
    if value is not UNKNOWN:
        return value
    if isinstance(node, (ast.Name, ast.Attribute)):
        return Named(dotted(node).rpartition(".")[2])
    if isinstance(node, ast.Lambda):
        return Named("lambda")
    return UNKNOWN


def dotted(node: ast.expr) -> str:
    """Return a name with its attributes, such as `cfg.lr`; empty if it is none."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def called(node: ast.Call) -> str:
    """Return the last part of the called function's name; empty if it has no name."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _shown(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.FormattedValue):
        return node.value if node.format_spec is None else None
    return node


def _joined(parts: list[Any]) -> Any:
    if not all(isinstance(part, (str, int, float)) for part in parts):
        return UNKNOWN
    return _short("".join(map(str, parts)))


def _short(text: str) -> Any:
    return text if len(text) <= _LONGEST_TEXT else UNKNOWN


def _bounded(items: list[Any]) -> Any:
    return UNKNOWN if len(items) > _MOST_ITEMS or _is_deep(items, _NESTED) else items


def _is_deep(value: Any, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deep(part, levels - 1) for part in parts)


def _mapping(node: ast.Dict, names: Mapping[str, Any], depth: int) -> Any:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner = evaluate(value, names, depth)
            found |= inner if isinstance(inner, dict) else {}
            continue
        name = evaluate(key, names, depth)
        if isinstance(name, str):
            found[name] = described(value, names)
    return UNKNOWN if len(found) > _MOST_ITEMS or _is_deep(found, _NESTED) else found


def _item(value: Any, key: Any) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key, UNKNOWN)
    if isinstance(value, list) and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    return UNKNOWN


def _call(node: ast.Call, names: Mapping[str, Any], depth: int) -> Any:
    """Return what a call gives: paths, texts, mappings, and the default of a variable of the environment."""
    name = called(node)
    values = [evaluate(argument, names, depth) for argument in node.args]
    if name == "dict":
        found: dict[str, Any] = {}
        for value in values:
            found |= value if isinstance(value, dict) else {}
        for keyword in node.keywords:
            inner = evaluate(keyword.value, names, depth) if keyword.arg is None else UNKNOWN
            found |= {keyword.arg: described(keyword.value, names)} if keyword.arg else {}
            found |= inner if isinstance(inner, dict) else {}
        return UNKNOWN if len(found) > _MOST_ITEMS or _is_deep(found, _NESTED) else found
    if name in {"get", "getenv"} and dotted(node.func) in {"os.environ.get", "os.getenv", "environ.get", "getenv"}:
        return values[1] if len(values) > 1 else None
    if name == "join" and dotted(node.func).endswith("path.join") and values:
        return _joined([part for value in values for part in ("/", value)][1:])
    if node.keywords:
        return UNKNOWN
    if isinstance(node.func, ast.Attribute) and name in _TEXTS:
        return _text_method(evaluate(node.func.value, names, depth), name, values)
    return _cast(name, values[0]) if len(values) == 1 and name in _CASTS else UNKNOWN


def _text_method(text: Any, name: str, values: list[Any]) -> Any:
    if not isinstance(text, str):
        return UNKNOWN
    if name == "format":
        return _filled(text.split("{}"), values)
    if not all(isinstance(value, str) for value in values):
        return UNKNOWN
    try:
        return _short(getattr(text, name)(*values))
    except (TypeError, ValueError, LookupError, AttributeError):
        return UNKNOWN


def _filled(between: list[str], parts: list[Any]) -> Any:
    if len(between) != len(parts) + 1:
        return UNKNOWN
    return _joined([part for pair in zip(between, [*parts, ""], strict=True) for part in pair])


def _cast(name: str, value: Any) -> Any:
    try:
        if name == "int" and isinstance(value, float):
            return int(value)
        if name == "float" and isinstance(value, (int, str)):
            return float(value)
    except (ArithmeticError, ValueError):
        return UNKNOWN
    return value


def _arithmetic(node: ast.BinOp, names: Mapping[str, Any], depth: int) -> Any:
    left, right = evaluate(node.left, names, depth), evaluate(node.right, names, depth)
    if isinstance(left, str) and isinstance(node.op, ast.Mod):
        parts = right if isinstance(right, list) else [right]
        return _filled(re.split(r"%[sd]", left), parts)
    if isinstance(left, str) and isinstance(right, str):
        text = f"{left.rstrip('/')}/{right}" if isinstance(node.op, ast.Div) else left + right  # as pathlib joins them
        return _short(text) if isinstance(node.op, (ast.Div, ast.Add)) else UNKNOWN
    if isinstance(left, list) and isinstance(right, list) and isinstance(node.op, ast.Add):
        return _bounded([*left, *right])
    is_number = type(left) in (int, float) and type(right) in (int, float)
    return _computed(node.op, left, right) if is_number else UNKNOWN


def _computed(operation: ast.operator, left: float, right: float) -> Any:
    try:
        value = _number(operation, left, right)
    except (ArithmeticError, ValueError):
        return UNKNOWN
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        return UNKNOWN  # names that stand for products could build a number that fills the memory, in a few lines
    return value if type(value) in (int, float) else UNKNOWN  # a root of a negative number is complex


def _number(operation: ast.operator, left: float, right: float) -> Any:
    if isinstance(operation, ast.Pow):
        return left**right if abs(left) <= _LARGEST_BASE and abs(right) <= _LARGEST_POWER else UNKNOWN
    compute = _OPERATIONS.get(type(operation))
    return UNKNOWN if compute is None else compute(left, right)
