"""A script's module and the local modules that it imports. They are read, never run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.drafting.from_script.literals import module_constants
from hpsearch.errors import InputError
from hpsearch.system.files import read_text

_MOST_MODULES = 40  # of one script; a package may import all of itself
_LARGEST_BYTES = 2**20
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def parse(text: str, file: str) -> ast.Module:
    """Return the syntax tree of Python source.

    Raises:
        InputError: The text is not valid Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's source, such as invalid escapes
            return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{file}:{error.lineno or 1}: not valid Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{file}: not valid Python: {str(error) or 'nested too deeply'}") from None


@dataclass(eq=False, kw_only=True, slots=True)
class Module:
    """A module of Python source.

    Attributes:
        path: Its file.
        tree: Its syntax tree.
        names: The constants of its top level, by name; `module.NAME` for those of local modules that it imports.
        definitions: The functions and classes of its top level, by name.
        imports: The names that it imports from elsewhere, each with the module and the name there; the name is empty
            for a whole module.
        loaded: The modules that were read, by path; all modules of a script share it.
    """

    path: Path
    tree: ast.Module
    names: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    loaded: dict[Path, Module | None] = field(default_factory=dict)

    @property
    def trees(self) -> tuple[ast.Module, ...]:
        """The syntax trees of the script and of the local modules that were read so far."""
        return tuple(dict.fromkeys((self.tree, *(m.tree for m in self.loaded.values() if m is not None))))

    @property
    def others(self) -> dict[str, ast.Module]:
        """The syntax trees of the local modules that were read so far, by the names of their files."""
        here = self.path.parent
        found = {os.path.relpath(path, here): m.tree for path, m in self.loaded.items() if m is not None}
        return {Path(name).as_posix(): tree for name, tree in found.items() if tree is not self.tree}

    def find(self, name: str) -> tuple[Module, Definition] | None:
        """Return a function or class by its name or dotted name here, with the module that defines it."""
        if name in self.definitions:
            return self, self.definitions[name]
        first, _, rest = name.partition(".")
        if first not in self.imports:
            return None
        module_name, inner = self.imports[first]
        module = self.local(module_name)
        if module is not None and inner:
            return module.find(f"{inner}.{rest}" if rest else inner) if module is not self else None
        submodule = self.local(f"{module_name}.{inner}") if inner else module
        return submodule.find(rest) if submodule is not None and submodule is not self and rest else None

    def local_modules(self) -> Iterator[Module]:
        """Yield the local modules that it imports."""
        for name, inner in dict.fromkeys(self.imports.values()):
            for whole in (name, f"{name}.{inner}" if inner else ""):
                module = self.local(whole) if whole else None
                if module is not None and module is not self:
                    yield module

    def local(self, name: str) -> Module | None:
        """Return a local module by its name in an import statement; None if it is none."""
        for path in _places(self.path, name):
            if path in self.loaded:
                return self.loaded[path]
            if len(self.loaded) < _MOST_MODULES and _is_small_file(path):
                self.loaded[path] = None  # while it is read: modules may import each other
                self.loaded[path] = _load(path, self.loaded)
                return self.loaded[path]
        return None


def module_of(tree: ast.Module, path: Path) -> Module:
    """Return a script's module."""
    loaded: dict[Path, Module | None] = {}
    module = _described(tree, path, loaded)
    loaded[path] = module
    return module


def _load(path: Path, loaded: dict[Path, Module | None]) -> Module | None:
    try:
        return _described(parse(read_text(path), str(path)), path, loaded)
    except InputError:
        return None  # the script may never import it


def _described(tree: ast.Module, path: Path, loaded: dict[Path, Module | None]) -> Module:
    module = Module(path=path, tree=tree, loaded=loaded)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            module.imports |= {a.asname or a.name: (f"{dots}{node.module or ''}", a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            module.imports |= {a.asname or a.name.partition(".")[0]: (a.name, "") for a in node.names}
    module.definitions |= {node.name: node for node in tree.body if isinstance(node, Definition)}
    module.names |= module_constants(tree)
    for name, (source, inner) in module.imports.items():
        other = module.local(source) if source.strip(".") else None
        if other is not None and not inner:
            module.names |= {f"{name}.{key}": value for key, value in other.names.items()}
        elif other is not None and inner == "*":
            module.names |= {key: value for key, value in other.names.items() if key not in module.names}
        elif other is not None:
            whole = {key: value for key, value in other.names.items() if key == inner or key.startswith(f"{inner}.")}
            module.names |= {f"{name}{key[len(inner) :]}": value for key, value in whole.items()}
    return module


def _places(path: Path, name: str) -> Iterator[Path]:
    """Yield where a module may lie: beside the module at `path` or in a folder above, as far as the repository."""
    dots = len(name) - len(name.lstrip("."))
    parts = [part for part in name.split(".") if part]
    folders = [path.parent, *path.parent.parents][: dots or 4]
    for folder in folders[-1:] if dots else folders:
        place = folder.joinpath(*parts)
        yield place.parent / f"{place.name}.py" if parts else place / "__init__.py"
        yield place / "__init__.py"


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= _LARGEST_BYTES
    except (OSError, ValueError):  # the name is too long, or the folder may not be entered
        return False
