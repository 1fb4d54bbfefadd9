"""Which names a Python module binds at its top, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

_NAMED = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
)
_CHANGING = frozenset(
    ("update", "setdefault", "pop", "popitem", "clear", "append", "extend", "insert", "remove", "sort", "reverse")
)


def bindings(module: ast.Module) -> dict[str, list[ast.AST]]:
    """Return what binds each name of a module, in order: statements, or a part of one.

    Assignments in blocks, `for`, `with`, `del`, imports, definitions and functions with `global` count; names of
    functions, classes and comprehensions do not. A plain assignment is there as itself.
    """
    found: dict[str, list[ast.AST]] = {}
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            continue  # it says a type, and binds nothing
        for name, node in _bound(statement):
            plain = isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(node, ast.Name)
            found.setdefault(name, []).append(statement if plain and not _is_walrus(node, statement) else node)
    for name, node in _globals(module):
        found.setdefault(name, []).append(node)
    return found


def _is_walrus(node: ast.AST, statement: ast.stmt) -> bool:
    return any(isinstance(one, ast.NamedExpr) and one.target is node for one in ast.walk(statement))


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that a node binds in its own scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, node
    elif (changed := _changed(node)) is not None:
        yield changed, node
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (((one.asname or one.name).partition(".")[0], node) for one in node.names)
    elif isinstance(node, _NAMED) and node.name:
        yield node.name, node
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, node
    if isinstance(node, _COMPREHENSIONS):
        walruses = (one.target for one in ast.walk(node) if isinstance(one, ast.NamedExpr))
        yield from ((target.id, target) for target in walruses)
    elif not isinstance(node, _SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _changed(node: ast.AST) -> str | None:
    """Return the name of what a node changes in place, as `config["lr"] = 1` and `config.update(...)` do."""
    inner: ast.AST | None = None
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        inner = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        inner = node.func.value
    while isinstance(inner, (ast.Subscript, ast.Attribute)):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else None


def _globals(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for scope in ast.walk(module):
        if isinstance(scope, ast.Global):
            yield from ((name, scope) for name in scope.names)
