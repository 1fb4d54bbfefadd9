"""The settings in the fields of a class, or in the parameters of a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.drafting.from_script.literals import called, described, dotted, evaluate
from hpsearch.drafting.from_script.modules import Definition, Module
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting

_DEEPEST = 4  # classes within classes
_SEVERAL = {"list", "List", "tuple", "Tuple", "Sequence", "set", "dict", "Dict", "Mapping", "Iterable"}
_EMPTY = {"Optional", "Union", "Annotated", "Final", "ClassVar"}
_FIELDS = {"field", "Field", "list_field", "choice", "arg", "flag", "subparsers", "mutable_field", "HfArg"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of a class, or a parameter of a function.

    Attributes:
        annotation: Its type; None if it has none.
        value: Its default; None if it has none.
        extra: What stands beside the type in `Annotated`.
        module: Where its names are known.
    """

    name: str
    annotation: ast.expr | None
    value: ast.expr | None
    extra: tuple[ast.expr, ...]
    module: Module


def parameters_of(module: Module, function: Definition) -> Iterator[Field]:
    """Yield the parameters of a function, or of a class's `__init__`, without `self`."""
    if isinstance(function, ast.ClassDef):
        found = next((part for part in function.body if isinstance(part, _FUNCTIONS) and part.name == "__init__"), None)
        if found is not None:
            yield from parameters_of(module, found)
        return
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults = [*[None] * (len(positional) - len(spec.defaults)), *spec.defaults]
    for argument, value in (
        *zip(positional, defaults, strict=True),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ):
        if argument.arg not in {"self", "cls"}:
            yield _field(module, argument.arg, argument.annotation, value)


def fields_of(module: Module, definition: Definition, depth: int = 0) -> Iterator[Field]:
    """Yield the annotated fields of a class, after those of its local bases."""
    if not isinstance(definition, ast.ClassDef) or depth > _DEEPEST:
        return
    found: dict[str, Field] = {}
    for base in definition.bases:
        place = module.find(dotted(base))
        if place is not None:
            found |= {field.name: field for field in fields_of(*place, depth + 1)}
    for node in definition.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if "ClassVar" not in ast.unparse(node.annotation):
            found[node.target.id] = _field(module, node.target.id, node.annotation, node.value)
    yield from found.values()


def settings_of(fields: Iterator[Field], prefix: str = "", depth: int = 0) -> Iterator[Setting]:
    """Yield a setting for each field; a class's fields stand for a field of its type, with its name before a dot."""
    for field in fields:
        inner = _inner_class(field)
        if inner is not None and depth < _DEEPEST:
            yield from settings_of(fields_of(*inner), f"{prefix}{field.name}.", depth + 1)
        else:
            setting = setting_of(field)
            yield replace(setting, name=f"{prefix}{setting.name}")


def setting_of(field: Field) -> Setting:
    """Return a field as a setting that has no flag yet. A field without a default is required."""
    default, said = _default(field)
    kind, choices, count = _type(field.annotation, field.module.names)
    is_bool = kind == "bool" or (not kind and isinstance(default, bool))
    setting = Setting(
        name=field.name,
        default=default,
        type=kind,
        choices=choices,
        count=count,
        help=said,
        required=default is None and _is_bare(field),
    )
    return replace(setting, left_out="a flag, which takes no value") if is_bool else setting


def is_plain(function: Definition) -> bool:
    """Return whether a definition is a function."""
    return isinstance(function, _FUNCTIONS)


def _field(module: Module, name: str, annotation: ast.expr | None, value: ast.expr | None) -> Field:
    extra: tuple[ast.expr, ...] = ()
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = _parsed(annotation.value)
    if isinstance(annotation, ast.Subscript) and dotted(annotation.value).rpartition(".")[2] == "Annotated":
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        annotation, extra = parts[0] if parts else None, tuple(parts[1:])
    return Field(name=name, annotation=annotation, value=value, extra=extra, module=module)


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _is_bare(field: Field) -> bool:
    """Return whether a field has no default at all."""
    if isinstance(field.value, ast.Call) and called(field.value) in _FIELDS:
        return not any(k.arg in {"default", "default_factory"} for k in field.value.keywords) and not field.value.args
    return field.value is None or dotted(field.value).rpartition(".")[2] == "MISSING"


def _default(field: Field) -> tuple[Any, str]:
    """Return a field's default, with the help that stands beside it."""
    node, names = field.value, field.module.names
    if node is None:
        return None, ""
    if not isinstance(node, ast.Call) or called(node) not in _FIELDS:
        return evaluate(node, names), ""
    words: Mapping[str, Any] = {k.arg: described(k.value, names) for k in node.keywords if k.arg}
    metadata = words.get("metadata")
    said = metadata.get("help") if isinstance(metadata, dict) else words.get("help", words.get("description"))
    factory = next((k.value for k in node.keywords if k.arg == "default_factory"), None)
    if isinstance(factory, ast.Lambda):
        default = evaluate(factory.body, names)
    elif factory is not None:
        default = UNKNOWN
    else:
        default = words.get("default", evaluate(node.args[0], names) if node.args else None)
    return (default if _is_plain_value(default) else UNKNOWN), said if isinstance(said, str) else ""


def _is_plain_value(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list))


def _type(node: ast.expr | None, names: Mapping[str, Any]) -> tuple[str, tuple[Any, ...], str]:
    """Return a type's name, the choices that it allows, and how many values it takes."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts = [part for part in (node.left, node.right) if not _is_none(part)]
        return _type(parts[0], names) if len(parts) == 1 else ("", (), "")
    if isinstance(node, ast.Subscript):
        outer = dotted(node.value).rpartition(".")[2]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Literal":
            values = evaluate(ast.List(elts=list(parts), ctx=ast.Load()), names)
            is_known = isinstance(values, list) and not any(value is UNKNOWN for value in values)
            return "", tuple(values) if is_known else (), ""
        if outer in _EMPTY:
            given = [part for part in parts if not _is_none(part)]
            return _type(given[0], names) if len(given) == 1 or outer == "Annotated" else ("", (), "")
        return "", (), "+" if outer in _SEVERAL else ""
    name = "" if node is None else dotted(node).rpartition(".")[2]
    return ("" if name in _SEVERAL else name), (), "+" if name in _SEVERAL else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _inner_class(field: Field) -> tuple[Module, Definition] | None:
    """Return the local class that a field's type names, if it has fields of its own."""
    name = "" if field.annotation is None else dotted(field.annotation)
    found = field.module.find(name) if name else None
    return found if found is not None and next(iter(fields_of(*found)), None) is not None else None
