"""Where a script writes a file: a path within the trial's folder, if one of its options leads there."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hpsearch.drafting.from_script.literals import called, dotted
from hpsearch.drafting.from_script.places import Source
from hpsearch.drafting.roles import role

TRIAL_DIR = "{trial_dir}"
_SUBFOLDER = "log"  # the value of an option that names a folder in the trial's
_CALLS = {
    "Path",
    "PurePath",
    "str",
    "abspath",
    "realpath",
    "expanduser",
    "resolve",
    "open",
    "makedirs",
    "mkdir",
    "fspath",
}
_JOINS = {"join", "joinpath", "get_outdir"}
_NAMESPACES = {
    "args",
    "opt",
    "opts",
    "cfg",
    "config",
    "FLAGS",
    "hparams",
    "options",
    "params",
    "conf",
    "argv",
    "a",
    "flags",
}
_DEPTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A path that a script writes to.

    Attributes:
        path: It begins with `{trial_dir}` if the script can be told to write there.
        options: What the options of the path's other parts have to be, by their names.
    """

    path: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether each trial has a file of its own."""
        return self.path.startswith(TRIAL_DIR)


def written(node: ast.expr | None, source: Source) -> Written | None:
    """Return the path that an expression stands for; None if a part of it is not known."""
    options: dict[str, str] = {}
    path = _path(node, source, options, 0)
    return None if path is None else Written(path=path, options=options)


def _path(node: ast.expr | None, source: Source, options: dict[str, str], depth: int) -> str | None:  # noqa: PLR0911 - one for each kind
    if node is None or depth > _DEPTH:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, (ast.BoolOp, ast.IfExp)):
        parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        return _own_first(parts, source, options, depth + 1)
    if isinstance(node, ast.JoinedStr):
        values = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        return _joined(values, "", source, options, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        return _joined([node.left, node.right], "/" if isinstance(node.op, ast.Div) else "", source, options, depth + 1)
    if isinstance(node, ast.Call):
        name = called(node)
        if name in _JOINS:
            base = [node.func.value] if name == "joinpath" and isinstance(node.func, ast.Attribute) else []
            return _joined([*base, *node.args], "/", source, options, depth + 1)
        inner = node.args[0] if node.args else getattr(node.func, "value", None)
        return _path(inner, source, options, depth + 1) if name in _CALLS else None
    return _of_name(node, source, options, depth)


def _of_name(node: ast.expr, source: Source, options: dict[str, str], depth: int) -> str | None:
    place = _in_config(node, source)
    if place:
        return place
    name = _option(node)
    if name:
        place = role(name)
        if place.startswith(TRIAL_DIR):
            return place
        if any(f"--{flag}" in _flags(source) for flag in (name, name.replace("_", "-"))):
            options[name] = _SUBFOLDER
            return _SUBFOLDER
    if isinstance(node, ast.Name):
        changes = source.variables(node).assigned.get(node.id, ())
        values = [value for _, way, value, _ in changes if way == "="]
        if not values:
            function = source.function(node)
            values = [
                given[node.id]
                for caller in source.callers_of(function)
                if function is not None and node.id in (given := source.given(function, caller))
            ]
        return _own_first(values, source, options, depth + 1)
    if isinstance(node, ast.Attribute):
        return _own_first(_assigned_to(node.attr, source), source, options, depth + 1)
    return None


def _in_config(node: ast.expr, source: Source) -> str:
    """Return the place in the trial's folder that a value of the script's config is; empty if it is none."""
    if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("HydraConfig.get().runtime.output_dir"):
        return TRIAL_DIR
    parts = dotted(node).split(".")
    names = (".".join(parts[number:]) for number in range(1, len(parts)))
    return next((source.repository.folders[name] for name in names if name in source.repository.folders), "")


def _own_first(values: list[ast.expr], source: Source, options: dict[str, str], depth: int) -> str | None:
    """Return the first path among values that can be the trial's, or else the first that is known."""
    first: str | None = None
    for value in values:
        more: dict[str, str] = {}
        path = _path(value, source, more, depth)
        if path and (path.startswith(TRIAL_DIR) or more):
            options |= more
            return path
        first = first or path
    return first


def _joined(parts: list[ast.expr], separator: str, source: Source, options: dict[str, str], depth: int) -> str | None:
    found = [_path(part, source, options, depth) for part in parts]
    if any(part is None for part in found):
        return None
    texts = [part for part in found if part is not None]
    return str(PurePosixPath(*texts)) if separator else "".join(texts)


def _option(node: ast.expr) -> str:
    """Return the name of an option: `out` for `args.out`, `cfg["out"]` and `self.args.out`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        base = node.value
        last = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
        return node.attr if last in _NAMESPACES else ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        base = node.value
        return str(node.slice.value) if isinstance(base, ast.Name) and base.id in _NAMESPACES else ""
    return ""


def _flags(source: Source) -> set[str]:
    return {
        str(argument.value)
        for call in source.callers.get("add_argument", ())
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


def _assigned_to(attribute: str, source: Source) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr == attribute for target in node.targets)
    ]
