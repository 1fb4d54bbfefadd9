"""The options of a training script, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.drafting.from_script.argparse_options import ArgparseOptions, read_argparse
from hpsearch.drafting.from_script.libraries import Options, read_libraries
from hpsearch.drafting.from_script.literals import called, evaluate
from hpsearch.drafting.from_script.modules import Module, module_of, parse
from hpsearch.drafting.from_script.optionless import what_to_edit
from hpsearch.drafting.from_script.overrides import read_overrides, read_structured
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.errors import InputError

__all__ = ["Script", "parse", "read_script"]

_OTHERS = ("typer", "click", "fire", "simple_parsing", "tyro", "absl", "jsonargparse", "transformers", "docopt")
_READ = (
    "options of argparse, click, typer, absl, fire or dataclasses, constants that the command line overrides, a "
    "@hydra.main function's config, or a config file"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What a script's source says.

    Attributes:
        tree: The syntax tree.
        module: The script as a module, which finds what it imports from local ones.
        settings: Its options.
        words: What stands after the script in the command, before the options of its subcommand.
        hydra: `config_path` and `config_name` of its `@hydra.main`; None if it has none.
        notes: What could not be read.
        is_lightning: Whether it is a script with Lightning's command line.
        is_structured: Whether its `@hydra.main` reads a config that the script's own classes make; they are `settings`.
    """

    tree: ast.Module
    module: Module
    settings: tuple[Setting, ...] = ()
    words: tuple[str, ...] = ()
    hydra: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    is_lightning: bool = False
    is_structured: bool = False


def read_script(text: str, file: str) -> Script:
    """Return the options in a script's source.

    Raises:
        InputError: The text is not valid Python, or has no options that can be read.
    """
    tree = parse(text, file)
    try:
        script = _read(module_of(tree, Path(file)))
    except RecursionError:
        raise InputError(f"{file}: not valid Python: nested too deeply") from None
    if not script.settings and script.hydra is None:
        edit = what_to_edit(script.module)
        if edit:
            raise InputError(f"{file}: has no options that can be read; {edit}")
        raise InputError(f"{file}: {_unread(tree)}; allowed: {_READ}")
    return script


def _read(module: Module) -> Script:
    hydra = _hydra_main(module.tree, module.names)
    if hydra is not None:
        structured = read_structured(module, hydra[1])
        if structured:
            return Script(tree=module.tree, module=module, settings=structured, is_structured=True)
        return Script(tree=module.tree, module=module, hydra=hydra)
    added = read_argparse(module)
    made = read_libraries(module) or Options()
    overridden = read_overrides(module, added.settings) or Options()
    if not (added.settings or made.settings or overridden.settings):
        added = _imported(module)
    command = (added.command,) if added.command else ()
    settings = {s.name: s for s in reversed((*added.settings, *made.settings, *overridden.settings))}
    return Script(
        tree=module.tree,
        module=module,
        settings=tuple(reversed(settings.values())),
        words=(*command, *made.words, *overridden.words),
        notes=(*added.notes, *made.notes, *overridden.notes),
        is_lightning=made.is_lightning,
    )


def _imported(module: Module) -> ArgparseOptions:
    """Return the options of the first local module that has some: its top level parses the arguments."""
    for other in module.local_modules():
        found = read_argparse(other)
        if found.settings:
            return found
    return ArgparseOptions()


def _hydra_main(tree: ast.Module, names: Mapping[str, Any]) -> tuple[str, str] | None:
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) not in {"hydra.main", "main"}:
                continue
            words = {k.arg: evaluate(k.value, names) for k in decorator.keywords}
            if isinstance(words.get("config_name"), str):
                path = words.get("config_path")
                return (path if isinstance(path, str) else ".", words["config_name"])
    return None


def _unread(tree: ast.Module) -> str:
    """Return what the script has instead of options, for a message."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module.partition(".")[0]}
            imported |= {alias.name for alias in node.names if alias.name in {"LightningCLI", "HfArgumentParser"}}
    calls = {called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if "LightningCLI" in calls:
        return (
            "uses Lightning's CLI; write its config with `python SCRIPT fit --print_config > config.yaml`, then "
            "give that file with --script SCRIPT"
        )
    other = next((name for name in _OTHERS if name in imported), "")
    return f"uses {other}, whose options are not read" if other else "has no options that can be read"
