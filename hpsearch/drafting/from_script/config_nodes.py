"""Configs that a function builds of nodes, `C.trainer.lr = 0.1`, and `merge_from_args` changes: minGPT's way."""

from __future__ import annotations

import ast
from typing import Any

from hpsearch.drafting.from_script.literals import called, dotted, evaluate
from hpsearch.drafting.from_script.modules import Definition, Module

_DEEPEST = 4
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def node_values(module: Module) -> dict[str, Any]:
    """Return the values of such a config by dotted names; none if the script has none."""
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    if not any(called(call) == "merge_from_args" for call in calls):
        return {}
    found: dict[str, Any] = {}
    for function in module.definitions.values():
        if isinstance(function, _FUNCTIONS):
            _fill(module, function, "", found)
    return found


def _fill(module: Module, function: Definition, prefix: str, found: dict[str, Any]) -> None:
    """Add what a function assigns to the attributes of its node."""
    if prefix.count(".") > _DEEPEST:
        return
    for node in function.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Attribute):
            continue
        name = f"{prefix}{dotted(node.targets[0]).partition('.')[2]}"
        value = evaluate(node.value, module.names)
        if isinstance(value, (bool, int, float, str)):
            found[name] = value
        elif isinstance(node.value, ast.Call):
            place = _called(module, node.value)
            if place is not None:
                _fill(*place, f"{name}.", found)


def _called(module: Module, call: ast.Call) -> tuple[Module, Definition] | None:
    """Return the function or the method of a class that is called, such as `Trainer.get_default_config`."""
    owner, _, method = dotted(call.func).rpartition(".")
    place = module.find(owner or method) if method else None
    if place is None or isinstance(place[1], _FUNCTIONS):
        return place
    methods = (part for part in place[1].body if isinstance(part, _FUNCTIONS) and part.name == method)
    return next(((place[0], part) for part in methods), None)
