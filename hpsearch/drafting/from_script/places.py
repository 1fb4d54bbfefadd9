"""Where in a script a call stands: in which function, in which loops, and who calls that function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.metric_names import split_of, split_rank, words_of
from hpsearch.drafting.from_script.repository import Repository, calls_by_name, calls_in
from hpsearch.drafting.from_script.variables import Variables, assignments

Often = Literal["epoch", "unknown", "step", "once", "batch"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_EPOCH = re.compile(
    r"(?:.*_)?(?:epochs?|ep|epoch(?:idx|no|num|_i|_idx|_num|_no|_id|_number)|i?epoch|epochi)", re.IGNORECASE
)
_HOOKS = re.compile(r"on_.*epoch_end|.*epoch_end|on_evaluate|on_epoch.*")
_BATCH_HOOKS = re.compile(r".*(?:_step|batch_end|batch_start|on_step_end)|forward")
_COUNTS = {"range", "trange", "count", "arange"}
_MOST_CALLERS = 8
_DEPTH = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a call stands.

    Attributes:
        often: How often it runs: once an epoch, once a batch, once a step of the training, or once in all.
        split: The split that the function's name has; empty for none.
        callers: In how many places its function is called.
        line: Its line.
    """

    often: Often
    split: str
    callers: int
    line: int


@dataclass(frozen=True)
class Source:
    """A module's syntax tree, with what lies around each node.

    Attributes:
        tree: The module.
        modules: The script that it belongs to; None for a script of one module.
    """

    tree: ast.AST
    modules: Repository | None = None
    _changes: dict[ast.AST, dict[str, tuple[tuple[int, str, ast.expr, str], ...]]] = field(default_factory=dict)

    @cached_property
    def repository(self) -> Repository:
        """The modules of the script."""
        return self.modules or Repository((self.tree,))

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return self.repository.parents

    @cached_property
    def calls(self) -> list[ast.Call]:
        """The module's calls, in the order of lines."""
        return calls_in(self.tree)

    @cached_property
    def callers(self) -> dict[str, list[ast.Call]]:
        """The module's calls by the name of what they call."""
        return calls_by_name(self.tree)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what lies around a node, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function(self, node: ast.AST) -> Function | None:
        """Return the function that a node lies in; None at the top of the module."""
        return next((one for one in self.around(node) if isinstance(one, Function)), None)

    def variables(self, node: ast.expr, bound: dict[str, ast.expr] | None = None) -> Variables:
        """Return what names stand for at a node."""
        function = self.function(node)
        own = self._of(function) if function is not None else {}
        module = next((one for one in (node, *self.around(node)) if isinstance(one, ast.Module)), None)
        outer = {} if module is None else self._of(module)
        return Variables(assigned={**outer, **own}, line=node.end_lineno or node.lineno, bound=bound or {})

    def _of(self, scope: ast.AST) -> dict[str, tuple[tuple[int, str, ast.expr, str], ...]]:
        if scope not in self._changes:
            self._changes[scope] = assignments(scope)
        return self._changes[scope]

    def callers_of(self, function: Function | None) -> list[ast.Call]:
        """Return the calls of a function, by its name: those of its module, or else those of other modules."""
        if function is None:
            return []
        found = self.callers.get(function.name) or self.repository.callers.get(function.name, [])
        return found[:_MOST_CALLERS]

    def given(self, function: Function, call: ast.Call) -> dict[str, ast.expr]:
        """Return what a call gives to each parameter of a function."""
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if names[:1] in (["self"], ["cls"]):
            names = names[1:]
        found = dict(zip(names, call.args, strict=False))
        return found | {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}

    def place(self, call: ast.Call) -> Place:
        """Return where a call stands."""
        function = self.function(call)
        name = "" if function is None else function.name
        split = split_of(words_of(name))
        return Place(
            often=self.often(call),
            split=split if split_rank(split) <= 1 else "",
            callers=len({one.lineno for one in self.callers_of(function)}),
            line=call.lineno,
        )

    def often(self, node: ast.AST, depth: int = 0) -> Often:
        """Return how often a node runs."""
        loops = self.loops(node)
        function = self.function(node)
        if any(map(is_epoch_loop, loops)):
            inner = loops[: next(number for number, loop in enumerate(loops) if is_epoch_loop(loop))]
            return "batch" if any(not _is_short(loop) for loop in inner) else "epoch"
        if loops and not all(_is_short(loop) for loop in loops):
            called_in = {self.often(one, depth + 1) for one in self.callers_of(function)} if depth < _DEPTH else set()
            return (
                "step" if _is_counted(loops[-1]) and len(loops) == 1 and not called_in & {"epoch", "batch"} else "batch"
            )
        if function is None:
            return "once"
        if _HOOKS.fullmatch(function.name):
            return "epoch"
        if _BATCH_HOOKS.fullmatch(function.name):
            return "batch"
        callers = self.callers_of(function)
        found = {self.often(one, depth + 1) for one in callers} if depth < _DEPTH else set[Often]()
        order: tuple[Often, ...] = ("epoch", "step", "batch", "once")
        return next((kind for kind in order if kind in found), "unknown")

    def loops(self, node: ast.AST) -> list[ast.For | ast.While]:
        """Return the loops around a node within its function, from the inside out."""
        found: list[ast.For | ast.While] = []
        inner = node
        for one in self.around(node):
            if isinstance(one, Function):
                break
            if isinstance(one, (ast.For, ast.While)) and inner not in one.orelse:
                found.append(one)
            inner = one
        return found


def is_epoch_name(name: str) -> bool:
    """Return whether a name is one of an epoch's number."""
    return _EPOCH.fullmatch(name) is not None


def is_epoch_loop(loop: ast.For | ast.While) -> bool:
    """Return whether a loop goes over epochs, by the names in its head."""
    head = loop.test if isinstance(loop, ast.While) else loop.iter
    if isinstance(loop, ast.For) and any(is_epoch_name(name) for name in _names(loop.target)):
        return True
    if isinstance(loop, ast.For) and not _is_counted(loop):
        return False
    return any(is_epoch_name(name) and "per" not in name.lower() for name in _names(head))


def _names(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def _is_counted(loop: ast.For | ast.While) -> bool:
    if isinstance(loop, ast.While):
        return True
    return any(called(call) in _COUNTS for call in ast.walk(loop.iter) if isinstance(call, ast.Call))


def _is_short(loop: ast.For | ast.While) -> bool:
    """Return whether a loop goes over a few things that are written out, such as the names of the splits."""
    if isinstance(loop, ast.While):
        return False
    if isinstance(loop.iter, ast.Call) and called(loop.iter) in {"items", "keys", "values"}:
        return True
    return isinstance(loop.iter, (ast.List, ast.Tuple, ast.Constant, ast.Dict))
