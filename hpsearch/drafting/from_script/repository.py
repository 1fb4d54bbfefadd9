"""The modules of a script together: what lies around each node, and who calls a function, from whichever module."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hpsearch.drafting.from_script.literals import called


@dataclass(frozen=True)
class Repository:
    """The syntax trees of a script and of the modules that it uses.

    Attributes:
        trees: The script's own comes first.
        folders: The values of its config, by dotted names, that are places in the folder of each trial.
    """

    trees: tuple[ast.AST, ...]
    folders: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for tree in self.trees for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def callers(self) -> dict[str, list[ast.Call]]:
        """The calls by the name of what they call."""
        found: dict[str, list[ast.Call]] = {}
        for tree in self.trees:
            for name, calls in calls_by_name(tree).items():
                found.setdefault(name, []).extend(calls)
        return found


def calls_by_name(tree: ast.AST) -> dict[str, list[ast.Call]]:
    """Return a module's calls, in the order of lines, by the name of what they call. Decorators call nothing."""
    decorators = {one for node in ast.walk(tree) for one in getattr(node, "decorator_list", ())}
    found: dict[str, list[ast.Call]] = {}
    for call in calls_in(tree):
        if call not in decorators:
            found.setdefault(called(call), []).append(call)
    return found


def calls_in(tree: ast.AST) -> list[ast.Call]:
    """Return all calls of a module, in the order of lines."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))
