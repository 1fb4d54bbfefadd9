"""Assignments to parts of a name: `optimizer.lr = 1e-4` and `config["model"]["depth"] = 50` at the top of a module."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Part:
    """What assignments set of a name.

    Attributes:
        target: The first expression that stands for the part; None for the name itself.
        inner: The parts of the part, by attribute or key.
        value: What is assigned to it; None for a part with parts.
    """

    target: ast.expr | None
    inner: dict[str, Part] = field(default_factory=dict)
    value: ast.expr | None = None


def parts_of(nodes: Sequence[ast.AST], assigned: Mapping[ast.AST, ast.expr]) -> Part | None:
    """Return what assignments set of a name; None if they set nothing, or something twice or in another way.

    Args:
        nodes: What changes the name in place, in order.
        assigned: Values by the targets of plain assignments that are in no block.
    """
    top = Part(None)
    for node in nodes:
        value, path = assigned.get(node), _path(node)
        if value is None or not path or not _put(top, path, value):
            return None
    return top if top.inner else None


def _put(top: Part, path: Sequence[tuple[str, ast.expr]], value: ast.expr) -> bool:
    """Add a part, and return whether neither it nor what it belongs to has a value yet."""
    *outer, (last, target) = path
    here = top
    for key, expression in outer:
        here = here.inner.setdefault(key, Part(expression))
        if here.value is not None:
            return False
    return here.inner.setdefault(last, new := Part(target, value=value)) is new


def _path(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """Return attributes and keys from the name on, each with the expression up to it; empty if one is computed."""
    path: list[tuple[str, ast.expr]] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        key = node.attr if isinstance(node, ast.Attribute) else getattr(node.slice, "value", None)
        if not isinstance(key, str | int) or isinstance(key, bool):
            return []
        path.append((str(key), node))
        node = node.value
    return path[::-1] if isinstance(node, ast.Name) else []
