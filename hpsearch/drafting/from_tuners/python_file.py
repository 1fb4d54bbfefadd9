"""A search space that a Python file writes out as a dictionary: W&B's `sweep_config`, NNI's `search_space`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpsearch.drafting.from_script.literals import assigned, called, evaluate
from hpsearch.drafting.from_script.modules import parse
from hpsearch.drafting.from_script.setting import UNKNOWN
from hpsearch.errors import InputError
from hpsearch.system.files import read_text


def read_python(path: Path) -> dict[str, Any]:
    """Return the search space in a Python file, which is read and never run.

    Raises:
        InputError: The file has none that is written out, or several.
    """
    found = _spaces(parse(read_text(path), str(path)))
    if len(found) == 1:
        return next(iter(found.values()))
    said = f"has several search spaces: {', '.join(found)}" if found else "has no search space that is written out"
    name = next(iter(found), "param_space")
    raise InputError(f"{path}: {said}; allowed: module:name of one, such as {path.stem}:{name}, which imports the file")


def _spaces(tree: ast.Module) -> dict[str, dict[str, Any]]:
    """Return the sweeps and search spaces, each by its name."""
    names: dict[str, Any] = {}
    for node in _in_order(tree):
        for name, value in assigned(node):
            names[name] = _value(value, names)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            owner, key = _owner(node.targets[0].value, names), evaluate(node.targets[0].slice, names)
            if owner is not None and isinstance(key, str):
                owner[key] = _value(node.value, names)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and called(node.value) == "update":
            _update(node.value, names)
    spaces = {name: value for name, value in names.items() if isinstance(value, dict) and _is_space(value)}
    return {name: value for name, value in spaces.items() if not _holds_unknown(value)}


def _in_order(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements, also those within functions, in the order of lines."""
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    yield from sorted(statements, key=lambda node: node.lineno)


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return what an expression stands for: a literal of any depth, or what names make of it."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        keys = (evaluate(key, names) for key in node.keys)
        return {key: _value(value, names) for key, value in zip(keys, node.values, strict=True) if isinstance(key, str)}
    if isinstance(node, ast.Call) and called(node) == "dict" and not node.args:
        return {keyword.arg: _value(keyword.value, names) for keyword in node.keywords if keyword.arg}
    return evaluate(node, names)


def _update(call: ast.Call, names: dict[str, Any]) -> None:
    owner = _owner(call.func.value, names) if isinstance(call.func, ast.Attribute) else None
    if owner is None:
        return
    more = _value(call.args[0], names) if call.args else {}
    owner |= more if isinstance(more, dict) else {}
    owner |= {keyword.arg: _value(keyword.value, names) for keyword in call.keywords if keyword.arg}


def _owner(node: ast.expr, names: dict[str, Any]) -> dict[str, Any] | None:
    """Return the dictionary that a name stands for, or an item of one: itself, so that it can be changed."""
    found: Any = None
    if isinstance(node, ast.Name):
        found = names.get(node.id)
    elif isinstance(node, ast.Subscript):
        owner, key = _owner(node.value, names), evaluate(node.slice, names)
        found = owner.get(key) if owner is not None and isinstance(key, str) else None
    return found if isinstance(found, dict) else None


def _is_space(value: dict[str, Any]) -> bool:
    if isinstance(value.get("parameters"), dict):
        return True
    return bool(value) and all(isinstance(one, dict) and "_type" in one for one in value.values())


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_holds_unknown, value.values() if isinstance(value, dict) else value))
    return value is UNKNOWN
