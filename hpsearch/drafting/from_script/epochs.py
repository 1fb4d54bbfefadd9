"""Which printed value is the epoch, and from which number a script counts."""

from __future__ import annotations

import ast

from hpsearch.drafting.from_script.literals import called, evaluate
from hpsearch.drafting.from_script.places import Source, is_epoch_loop, is_epoch_name
from hpsearch.drafting.from_script.templates import Value

_DEPTH = 5
_COUNTS = {"range", "trange", "arange"}
_WHOLE = set("dn0123456789<>^= +-")  # specifications under which a whole number stays one


def is_epoch(value: Value, label: tuple[str, ...], source: Source, call: ast.Call) -> bool:
    """Return whether a printed value is the epoch's number.

    Args:
        value: What is printed.
        label: The words before it.
        source: The script.
        call: What prints it.
    """
    if not set(value.spec) <= _WHOLE:
        return False
    node = _without_offset(value.node)[0]
    name = name_of(node) or value.name
    if name and (is_epoch_name(name) and not name.lower().endswith(("epochs", "best_epoch"))):
        return "best" not in name.lower() and "best" not in label
    if isinstance(node, ast.Name) and any(
        node.id in {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
        for loop in source.loops(call)
        if isinstance(loop, ast.For) and is_epoch_loop(loop)
    ):
        return True
    is_labelled = label[-1:] in (("epoch",), ("ep",)) and "best" not in label
    return is_labelled and (node is None or isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)))


def first_epoch(node: ast.expr | None, source: Source, place: ast.AST, depth: int = 0) -> int | None:
    """Return the first number that an epoch's expression has; None if it is not written out."""
    base, offset = _without_offset(node)
    if isinstance(base, ast.Attribute) and base.attr == "current_epoch":
        return offset  # Lightning's
    if not isinstance(base, ast.Name) or depth > _DEPTH:
        return None
    begins = [begin for loop in source.loops(place) if (begin := _begin(loop, base.id, source, place)) is not None]
    function = None if begins else source.function(place)
    for caller in source.callers_of(function):
        given = None if function is None else source.given(function, caller).get(base.id)
        begin = None if given is None else first_epoch(given, source, caller, depth + 1)
        begins += [] if begin is None else [begin]
    return begins[0] + offset if begins else None


def _begin(loop: ast.For | ast.While, name: str, source: Source, place: ast.AST) -> int | None:
    if isinstance(loop, ast.For):
        return _start(loop, name, source)
    return _counted_by_hand(loop, name, source, place)


def _without_offset(node: ast.expr | None) -> tuple[ast.expr | None, int]:
    """Return an expression without the whole number that is added to it, and that number."""
    if isinstance(node, ast.Call) and called(node) in {"int", "str"} and len(node.args) == 1:
        return _without_offset(node.args[0])
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        for base, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, ast.Constant) and type(other.value) is int:
                inner, offset = _without_offset(base)
                return inner, offset + (other.value if isinstance(node.op, ast.Add) else -other.value)
    return node, 0


def name_of(node: ast.expr | None) -> str:
    """Return the last part of the name of an expression, without a number that is added; empty if it has none."""
    node = _without_offset(node)[0]
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.attr if isinstance(node, ast.Attribute) else ""


def _start(loop: ast.For, name: str, source: Source) -> int | None:
    """Return where a loop's variable begins; None if the loop has another one."""
    targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
    names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
    if name not in names:
        return None
    calls = [node for node in ast.walk(loop.iter) if isinstance(node, ast.Call)]
    numbered = next((call for call in calls if called(call) in {"enumerate", "count"}), None)
    if numbered is not None and names.index(name) == 0:
        given = [*numbered.args[(1 if called(numbered) == "enumerate" else 0) :], *(k.value for k in numbered.keywords)]
        return _whole(given[0], source) if given else 0
    counted = next((call for call in calls if called(call) in _COUNTS), None)
    if counted is None:
        return None
    return _whole(counted.args[0], source) if len(counted.args) > 1 else 0


def _whole(node: ast.expr, source: Source) -> int | None:
    """Return a first number: written out, or the default of an option, or what a name begins with."""
    value = evaluate(node, {})
    if type(value) is int:
        return value
    base, offset = _without_offset(node)
    name = name_of(base)
    if isinstance(base, ast.Name):
        values = [one for _, way, one, _ in source.variables(base).assigned.get(base.id, ()) if way == "="]
        known = [evaluate(one, {}) for one in values[:1]]
        if known and type(known[0]) is int:
            return known[0] + offset
    for call in source.callers.get("add_argument", ()):
        flags = [str(a.value).lstrip("-").replace("-", "_") for a in call.args if isinstance(a, ast.Constant)]
        if name and name in flags:
            default = next((evaluate(k.value, {}) for k in call.keywords if k.arg == "default"), None)
            return default + offset if type(default) is int else offset
    return offset if name.startswith(("start", "begin", "first", "init", "last")) and offset in (0, 1) else None


def _counted_by_hand(loop: ast.While, name: str, source: Source, place: ast.AST) -> int | None:
    """Return where a `while` loop's counter begins, as it is at a place in the loop."""
    changes = source.variables(loop.test).assigned.get(name, ())
    begins = [evaluate(value, {}) for line, way, value, _ in changes if way == "=" and line < loop.lineno]
    steps = [
        line
        for line, way, value, _ in changes
        if line >= loop.lineno and (way == "+=" or _without_offset(value)[1] == 1)
    ]
    if not begins or type(begins[-1]) is not int or not steps:
        return None
    return begins[-1] + (1 if min(steps) < getattr(place, "lineno", 0) else 0)
