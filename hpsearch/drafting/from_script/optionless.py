"""Scripts without options: where their settings stand, and the smallest edit that lets a command line set them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from hpsearch.drafting.from_script.families import family_of
from hpsearch.drafting.from_script.literals import assigned, called, evaluate
from hpsearch.drafting.from_script.modules import Definition, Module
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.drafting.roles import role
from hpsearch.system.documents import SUFFIXES

_LOOP = 'for word in sys.argv[1:]: name, value = word.split("="); globals()[name] = type(globals()[name])(value)'
_MOST_SHOWN = 4
Function = ast.FunctionDef | ast.AsyncFunctionDef


def what_to_edit(module: Module) -> str:
    """Return where a script without options has its settings, and what to write; empty if none are found."""
    config = _config_file(module)
    if config:
        return (
            f"it reads {config}: let it take that path as its argument, then run "
            f"`hpsearch init {config} --script {module.path}`"
        )
    for found in (_of_module(module), _of_classes(module), _of_functions(module)):
        if found:
            return found
    return ""


def _of_module(module: Module) -> str:
    names = _settings((name, value) for node in module.tree.body for name, value in assigned(node))
    return (
        f"its settings ({names}) are constants: write `import sys` and this line below them: `{_LOOP}`" if names else ""
    )


def _of_classes(module: Module) -> str:
    for owner in _definitions(module):
        names = (
            _settings(pair for node in owner.body for pair in assigned(node)) if isinstance(owner, ast.ClassDef) else ""
        )
        if names:
            return (
                f"its settings ({names}) are in the class {owner.name}: give them types, as in `lr: float = 0.1`, "
                f"write `@dataclass` above it, and `tyro.cli({owner.name})` in place of `{owner.name}()`"
            )
    return ""


def _of_functions(module: Module) -> str:
    functions = [owner for owner in _definitions(module) if not isinstance(owner, ast.ClassDef)]
    for owner in functions:
        names = _settings(_defaults(owner))
        if names:
            return f"its settings ({names}) are arguments of {owner.name}(): {_with_fire(owner)}"
    for owner in functions:
        names = _settings(pair for node in owner.body for pair in assigned(node))
        if names:
            return (
                f"its settings ({names}) are constants in {owner.name}(): make them its arguments, as in "
                f"`def {owner.name}(lr=0.1)`; {_with_fire(owner)}"
            )
    return ""


def _with_fire(owner: Function) -> str:
    return f"write `import fire`, and `fire.Fire({owner.name})` in place of `{owner.name}()`"


def _defaults(owner: Function) -> list[tuple[str, ast.expr]]:
    """Return the arguments of a function with their defaults; none if one has no default."""
    positional, defaults = [*owner.args.posonlyargs, *owner.args.args], owner.args.defaults
    pairs = [
        (one.arg, value) for one, value in zip(owner.args.kwonlyargs, owner.args.kw_defaults, strict=True) if value
    ]
    if len(defaults) < len(positional) or len(pairs) < len(owner.args.kwonlyargs):
        return []
    return [*((one.arg, value) for one, value in zip(positional, defaults, strict=True)), *pairs]


def _definitions(module: Module) -> Iterator[Definition]:
    """Yield the functions and classes of the script, then those of the modules that it imports."""
    yield from module.definitions.values()
    for other in module.local_modules():
        yield from other.definitions.values()


def _settings(pairs: Iterable[tuple[str, ast.expr]]) -> str:
    """Return the names of settings, if one of them can be searched; else nothing."""
    found: list[str] = []
    is_searched = False
    for name, value in pairs:
        number = evaluate(value, {})
        if number is UNKNOWN or not isinstance(number, (int, float, str, bool)):
            continue
        is_rate = isinstance(number, (int, float)) and family_of(Setting(name=name, default=number)) is not None
        is_searched = is_searched or is_rate
        if is_rate or role(name, number):
            found.append(name)
    shown = ", ".join(found[:_MOST_SHOWN])
    return f"{shown}, ..." if is_searched and len(found) > _MOST_SHOWN else shown if is_searched else ""


def _config_file(module: Module) -> str:
    """Return the config file that a script reads by its name; empty if it reads none that is there."""
    for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
        if called(call) not in {"open", "load", "Path", "from_json", "from_yaml"} or not call.args:
            continue
        name = evaluate(call.args[0], module.names)
        if isinstance(name, str) and Path(name).suffix.lower() in SUFFIXES:
            for folder in (Path(), module.path.parent):
                if (folder / name).is_file():
                    return (folder / name).as_posix()
    return ""
