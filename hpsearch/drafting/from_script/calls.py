"""The calls of a script in the order in which it makes them, with the values of their arguments.

Loops over values that are written out are unrolled, and calls of the script's own functions are followed, also into
local modules. Nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.from_script.literals import assigned, called, described, dotted, evaluate
from hpsearch.drafting.from_script.modules import Definition, Module
from hpsearch.drafting.from_script.setting import UNKNOWN

_MOST_CALLS = 20_000
_DEEPEST = 8  # calls of functions within functions
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call with its arguments.

    Attributes:
        name: The last part of the called function's name.
        receiver: What stands before it, such as `parser` in `parser.add_argument`; empty if nothing does.
        target: The variable that its result is assigned to; empty for none.
        arguments: Its positional arguments; `UNKNOWN` for what can't be read.
        keywords: Its named arguments.
        node: Where it stands.
        module: The module it stands in.
        names: The values of the names there.
    """

    name: str
    receiver: str
    target: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    node: ast.Call
    module: Module
    names: Mapping[str, Any]


def calls_of(module: Module, wanted: frozenset[str]) -> Iterator[Call]:
    """Yield the calls of functions with one of some names, in a script and in what it calls in its local modules."""
    walk = _Walk(module, wanted)
    yield from walk.block(module, module.tree.body, dict(module.names), 0)
    for name, definition in list(module.definitions.items()):
        yield from () if name in wanted else walk.once(module, definition, 0)


class _Walk:
    """One walk over a script: what was visited, and how much may still be."""

    def __init__(self, module: Module, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._visited: set[int] = set()
        self._left = _MOST_CALLS
        self._aliases = _aliases(module.tree)

    def block(self, module: Module, body: list[ast.stmt], names: dict[str, Any], depth: int) -> Iterator[Call]:
        """Yield the calls of some statements. `names` is updated by their assignments."""
        for node in body:
            self._left -= 1
            if self._left <= 0 or isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                continue
            target = next((name for name, _ in assigned(node)), "")
            for call in _direct_calls(node):
                yield from self._call(module, call, names, depth, target)
                _update(module, call, names)
            for name, value in assigned(node):
                names[name] = _value(module, value, names)
            if isinstance(node, (ast.For, ast.AsyncFor)):
                yield from self._loop(module, node, names, depth)
                continue
            for inner in _blocks(node):
                yield from self.block(module, inner, names, depth)

    def once(self, module: Module, definition: Definition, depth: int) -> Iterator[Call]:
        """Yield the calls in a function or class that was not visited yet, for the defaults of its parameters."""
        if id(definition) in self._visited or depth > _DEEPEST:
            return
        self._visited.add(id(definition))
        if isinstance(definition, ast.ClassDef):
            for base in definition.bases:
                found = module.find(dotted(base))
                if found is not None and isinstance(found[1], ast.ClassDef):
                    yield from self.once(*found, depth + 1)
            for part in definition.body:
                if isinstance(part, _FUNCTIONS):
                    yield from self.once(module, part, depth + 1)
            return
        yield from self._body(module, definition, _bound(definition, (), {}, module.names), depth)

    def _body(self, module: Module, function: Definition, names: dict[str, Any], depth: int) -> Iterator[Call]:
        yield from self.block(module, function.body, names, depth)
        for inner in function.body:  # functions within it
            if isinstance(inner, _FUNCTIONS) and id(inner) not in self._visited:
                self._visited.add(id(inner))
                yield from self.block(module, inner.body, names | _bound(inner, (), {}, names), depth)

    def _loop(self, module: Module, node: ast.For | ast.AsyncFor, names: dict[str, Any], depth: int) -> Iterator[Call]:
        values = _iterated(node.iter, names)
        for value in values if isinstance(values, list) else [UNKNOWN]:
            _bind(node.target, value, names)
            yield from self.block(module, node.body, names, depth)
        yield from self.block(module, node.orelse, names, depth)

    def _call(self, module: Module, node: ast.Call, names: dict[str, Any], depth: int, target: str) -> Iterator[Call]:
        if self._left <= 0:
            return
        self._left -= 1
        name = dotted(node.func)
        receiver, _, last = name.rpartition(".")
        last = last or called(node)
        alias = self._aliases.get(name)
        if last in self._wanted or alias:
            arguments, keywords = _arguments(node, names)
            yield Call(
                name=alias or last, receiver=receiver, target=target, arguments=arguments, keywords=keywords,
                node=node, module=module, names=dict(names),
            )  # fmt: skip
            return
        yield from self._follow(module, node, names, depth)

    def _follow(self, module: Module, node: ast.Call, names: dict[str, Any], depth: int) -> Iterator[Call]:
        found = _inner(module, node) if depth <= _DEEPEST else None
        if found is None:
            return
        home, definition = found
        arguments, keywords = _arguments(node, names)
        if isinstance(definition, ast.ClassDef) or not _is_helper(definition, self._wanted | set(self._aliases)):
            yield from self.once(home, definition, depth + 1)
            return
        self._visited.add(id(definition))
        base = names if home is module else home.names
        yield from self._body(home, definition, dict(base) | _bound(definition, arguments, keywords, base), depth + 1)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return each name that stands for `parser.add_argument`, as in `add = parser.add_argument`."""
    return {
        target.id: node.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in {"add_argument", "option"}
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _direct_calls(node: ast.stmt) -> list[ast.Call]:
    """Return the calls in a statement's own expressions, not in its blocks, in the order of the source."""
    found: list[ast.Call] = []
    waiting: list[ast.AST] = [
        part
        for part in ast.iter_child_nodes(node)
        if not isinstance(part, (ast.stmt, ast.ExceptHandler, ast.match_case))
    ]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Call):
            found.append(part)
        waiting += [inner for inner in ast.iter_child_nodes(part) if not isinstance(inner, ast.Lambda)]
    return sorted(found, key=lambda call: (call.lineno, call.end_col_offset or 0))


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield handler.body


def _inner(module: Module, node: ast.Call) -> tuple[Module, Definition] | None:
    """Return the function or class of the script, or of a local module, that is called."""
    name = dotted(node.func)
    found = module.find(name) if name else None
    if found is None and name.startswith("self.") and name.count(".") == 1:
        classes = [part for part in module.definitions.values() if isinstance(part, ast.ClassDef)]
        methods = (part for owner in classes for part in owner.body if _is_named(part, called(node)))
        found = next(((module, part) for part in methods if isinstance(part, _FUNCTIONS)), None)
    if found is None and "." in name:
        owner = module.find(name.rpartition(".")[0])
        if owner is not None and isinstance(owner[1], ast.ClassDef):
            methods = (part for part in owner[1].body if _is_named(part, called(node)))
            found = next(((owner[0], part) for part in methods if isinstance(part, _FUNCTIONS)), None)
    return found


def _value(module: Module, node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression, which may be a call of a local function that only returns one."""
    value = described(node, names)
    found = _inner(module, node) if value is UNKNOWN and isinstance(node, ast.Call) else None
    if found is None or not isinstance(found[1], _FUNCTIONS) or not isinstance(node, ast.Call):
        return value
    home, function = found
    inner = _bound(function, *_arguments(node, names), home.names)
    for part in function.body:
        inner |= {name: described(value, inner) for name, value in assigned(part)}
        if isinstance(part, ast.Return) and part.value is not None:
            return evaluate(part.value, inner)
    return UNKNOWN


def _update(module: Module, node: ast.Call, names: dict[str, Any]) -> None:
    """Follow `defaults.update(more)`."""
    if called(node) != "update" or not isinstance(node.func, ast.Attribute):
        return
    name = dotted(node.func.value)
    old = names.get(name)
    if isinstance(old, dict):
        more = _value(module, node.args[0], names) if node.args else {}
        names[name] = old | (more if isinstance(more, dict) else {}) | _arguments(node, names)[1]


def _is_named(node: ast.stmt, name: str) -> bool:
    return isinstance(node, _FUNCTIONS) and node.name == name


def _is_helper(function: Definition, wanted: set[str] | frozenset[str]) -> bool:
    """Return whether what a function's wanted calls say depends on its parameters."""
    if isinstance(function, ast.ClassDef):
        return False
    arguments = function.args
    own = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)} - {"self", "cls"}
    own |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    if not own:
        return False
    calls = [part for part in ast.walk(function) if isinstance(part, ast.Call) and called(part) in wanted]
    loops = [part.iter for part in ast.walk(function) if isinstance(part, ast.For)]
    parts = [part for call in calls for part in (call.func, *call.args, *(k.value for k in call.keywords))]
    return any(isinstance(n, ast.Name) and n.id in own for part in (*parts, *loops) for n in ast.walk(part))


def _arguments(node: ast.Call, names: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    arguments: list[Any] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            value = evaluate(argument.value, names)
            arguments += value if isinstance(value, list) else [UNKNOWN]
        else:
            arguments.append(described(argument, names))
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg:
            keywords[keyword.arg] = described(keyword.value, names)
        else:
            value = evaluate(keyword.value, names)
            keywords |= value if isinstance(value, dict) else {}
    return tuple(arguments), keywords


def _bound(
    function: Definition, arguments: tuple[Any, ...], keywords: Mapping[str, Any], names: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a function's parameters for some arguments, on top of the names around it."""
    if isinstance(function, ast.ClassDef):
        return dict(names)
    spec = function.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    found: dict[str, Any] = dict(names) | dict.fromkeys((*positional, *(a.arg for a in spec.kwonlyargs)), UNKNOWN)
    for name, default in zip(reversed(positional), reversed(spec.defaults), strict=False):
        found[name] = described(default, names)
    for parameter, node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        found[parameter.arg] = UNKNOWN if node is None else described(node, names)
    found |= dict(zip(positional, arguments, strict=False))
    known = {*positional, *(a.arg for a in spec.kwonlyargs)}
    found |= {name: value for name, value in keywords.items() if name in known}
    if spec.vararg is not None:
        found[spec.vararg.arg] = list(arguments[len(positional) :])
    if spec.kwarg is not None:
        found[spec.kwarg.arg] = {name: value for name, value in keywords.items() if name not in known}
    return found


def _iterated(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the values of a loop: of a list, of a mapping's names, or of its items."""
    if isinstance(node, ast.Call) and called(node) == "items" and isinstance(node.func, ast.Attribute):
        value = evaluate(node.func.value, names)
        return [[key, item] for key, item in value.items()] if isinstance(value, dict) else UNKNOWN
    if isinstance(node, ast.Call) and called(node) in {"sorted", "list", "tuple", "keys"} and node.args:
        return _iterated(node.args[0], names)
    value = evaluate(node, names)
    return list(value) if isinstance(value, dict) else value


def _bind(target: ast.expr, value: Any, names: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value if isinstance(value, list) and len(value) == len(target.elts) else [UNKNOWN] * len(target.elts)
        for part, item in zip(target.elts, parts, strict=True):
            _bind(part, item, names)
