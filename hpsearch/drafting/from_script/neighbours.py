"""The modules beside a script that it imports: what it prints is often there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hpsearch.drafting.from_script.measurements import Measurements, guess_measurements
from hpsearch.drafting.from_script.script import parse
from hpsearch.errors import InputError
from hpsearch.system.files import read_text

_MOST_MODULES = 20


def measurements_of(source: Path, tree: ast.Module) -> Measurements:
    """Return what a script's source suggests, or else what it and the modules beside it suggest together."""
    found = guess_measurements(tree)
    if found.way:
        return found
    modules = dict(_imported(source, tree))
    if not modules:
        return found
    body = [statement for one in (tree, *modules.values()) for statement in one.body]
    together = guess_measurements(ast.Module(body=body, type_ignores=[]))
    if not together.way:
        return found
    names = ", ".join(file.name for file in modules)
    return replace(
        together, unsure=(*together.unsure, f"the line: it is in a module that the script imports ({names})")
    )


def _imported(source: Path, tree: ast.Module) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the modules of the script's folder that it imports, with their syntax trees."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name: None for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module: None} | {f"{node.module}.{alias.name}": None for alias in node.names}
    files = (source.parent / f"{name.replace('.', '/')}.py" for name in names)
    for file in [file for file in files if file.is_file() and file != source][:_MOST_MODULES]:
        try:
            yield file, parse(read_text(file), str(file))
        except InputError:
            continue
