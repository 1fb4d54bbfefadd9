"""Whether a loop over steps evaluates before its first step and after its last: one measurement more than stretches."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from hpsearch.drafting.from_script.literals import called, dotted

Loop = ast.For | ast.While
_COUNTS = {"range", "trange"}


def evaluates_at_both_ends(tree: ast.AST, is_interval: Callable[[str], bool]) -> bool:
    """Return whether a module has a loop over steps that evaluates at step 0, and again when the last step is done.

    Args:
        tree: The module.
        is_interval: Whether a name is one of the number of steps from one evaluation to the next.
    """
    loops = (node for node in ast.walk(tree) if isinstance(node, Loop))
    return any(
        _starts_at_zero(tree, loop, step, guard) and _comes_last(loop, step, guard)
        for loop in loops
        for step, guard in _guards(loop, is_interval)
    )


def _guards(loop: Loop, is_interval: Callable[[str], bool]) -> Iterator[tuple[str, ast.If]]:
    """Yield each `if step % eval_interval == 0` in a loop, with the name of the step."""
    for guard in (node for node in ast.walk(loop) if isinstance(node, ast.If)):
        for part in ast.walk(guard.test):
            if (
                isinstance(part, ast.BinOp)
                and isinstance(part.op, ast.Mod)
                and isinstance(part.left, ast.Name)
                and is_interval(dotted(part.right).rpartition(".")[2])
            ):
                yield part.left.id, guard


def _starts_at_zero(tree: ast.AST, loop: Loop, step: str, guard: ast.If) -> bool:
    """Return whether the guard holds at step 0: the loop counts from 0, and nothing leaves the first step out."""
    for part in ast.walk(guard.test):
        if isinstance(part, ast.Compare) and _is_name(part.left, step):
            other = part.comparators[0]
            if isinstance(other, ast.Constant) and isinstance(part.ops[0], (ast.Gt, ast.GtE, ast.NotEq)):
                return False
        if isinstance(part, ast.BoolOp) and any(_is_name(value, step) for value in part.values):
            return False
    if isinstance(loop, ast.For):
        counts = [call for call in ast.walk(loop.iter) if isinstance(call, ast.Call) and called(call) in _COUNTS]
        return _is_name(loop.target, step) and any(len(call.args) == 1 for call in counts)
    earlier = (node for node in ast.walk(tree) if isinstance(node, ast.Assign) and node.lineno < loop.lineno)
    begins = [value for node in earlier for value in _given(node, step)]
    steps = [node.lineno for node in ast.walk(loop) if isinstance(node, ast.AugAssign) and _is_name(node.target, step)]
    zero = any(isinstance(value, ast.Constant) and value.value == 0 for value in begins)
    return zero and bool(steps) and min(steps) > guard.lineno


def _given(node: ast.Assign, name: str) -> Iterator[ast.expr]:
    """Yield what an assignment gives to a name, alone or as one of several."""
    for target in node.targets:
        if _is_name(target, name):
            yield node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=False)
            yield from (value for one, value in pairs if _is_name(one, name))


def _comes_last(loop: Loop, step: str, guard: ast.If) -> bool:
    """Return whether the guard holds once more at the end: it names the last step, or the loop goes on to it."""
    if any(
        isinstance(part, ast.BoolOp)
        and isinstance(part.op, ast.Or)
        and any(_is_last(value, step) for value in part.values)
        for part in ast.walk(guard.test)
    ):
        return True
    if isinstance(loop, ast.For):
        return False
    ends = [loop.test, *(node.test for node in ast.walk(loop) if isinstance(node, ast.If) and _breaks(node))]
    return any(
        isinstance(test, ast.Compare)
        and _is_name(test.left, step)
        and isinstance(test.ops[0], ast.LtE if test is loop.test else ast.Gt)
        for test in ends
    )


def _is_last(node: ast.expr, step: str) -> bool:
    """Return whether a condition is that of the last step: `step == max_steps - 1`, or `last_step`."""
    if isinstance(node, ast.Compare):
        return _is_name(node.left, step) and isinstance(node.ops[0], (ast.Eq, ast.GtE))
    return isinstance(node, ast.Name) and "last" in node.id.lower()


def _breaks(node: ast.If) -> bool:
    return any(isinstance(one, ast.Break) for one in node.body)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
