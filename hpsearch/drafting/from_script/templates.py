"""What a script's calls print: their text, and the values between it, read from f-strings, `%`, `.format` and parts."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.variables import Variables

_PERCENT = re.compile(r"%(?:\((\w+)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([diouxXeEfFgGcrsa%])")
_DEPTH = 12
_LONGEST_RULE = 200  # of a repeated text such as "-" * 80
_WRAPPERS = {"str", "float", "int", "repr", "round", "format"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A value in what is printed.

    Attributes:
        node: Its expression; None if it is unknown.
        spec: How it is formatted, as Python's format specification; empty as `str` has it.
        name: The name of its field in a format string; empty if it has none.
        bare: Whether another kind of number than Python's may print more than its digits.
        quote: What stands around a text: the name of a key in a dictionary, for messages.
    """

    node: ast.expr | None = None
    spec: str = ""
    name: str = ""
    bare: bool = False


Piece = str | Value
Template = tuple[Piece, ...]


def template_of(node: ast.expr, variables: Variables, depth: int = 0) -> Template:
    """Return what the text of an expression looks like.

    Args:
        node: The expression.
        variables: What names stand for.
        depth: How many names and operators lie around it.
    """
    if depth > _DEPTH:
        return (Value(node=node, bare=True),)
    found = _text_of(node, variables, depth + 1)
    return _merged(found if found is not None else [Value(node=node, bare=True)])


def joined(parts: Iterable[Template], separator: str) -> Template:
    """Return parts with a separator between them."""
    result: list[Piece] = []
    for number, part in enumerate(parts):
        result += [separator] if number else []
        result += part
    return _merged(result)


def percent(text: str, arguments: list[Template] | Mapping[str, Template]) -> Template:
    """Return what `text % arguments` looks like."""
    result: list[Piece] = []
    end = 0
    left = iter(arguments) if isinstance(arguments, list) else iter(())
    for match in _PERCENT.finditer(text):
        result.append(text[end : match.start()])
        end = match.end()
        key, flags, width, precision, kind = match.groups()
        if kind == "%":
            result.append("%")
            continue
        for star in (width, precision):
            if star == "*":
                next(left, None)
        if isinstance(arguments, list):
            inner: Template = (Value(name=key),) if key else next(left, (Value(),))
        else:
            inner = arguments.get(key or "", (Value(name=key or ""),))
        result += _formatted(inner, _spec(flags, width, precision, kind))
    return _merged([*result, text[end:]])


def formatted(text: str, arguments: list[Template], named: Mapping[str, Template]) -> Template:
    """Return what `text.format(...)` looks like. A text that is no format string is returned as it is."""
    result: list[Piece] = []
    count = 0
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return (text,)
    for before, field, spec, conversion in fields:
        result.append(before)
        if field is None:
            continue
        first, rest = re.match(r"([^.\[]*)(.*)", field, re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
        if not first:
            first, count = str(count), count + 1
        if first.isdigit():
            inner = arguments[int(first)] if int(first) < len(arguments) else (Value(),)
        else:
            inner = named.get(first, (Value(name=first),))
        if rest:
            inner = (Value(node=_reached(inner, first, rest)),)
        plain = "" if "{" in (spec or "") else spec or ""
        result += _formatted(inner, plain, bare=bool(conversion))
    return _merged(result)


def _text_of(node: ast.expr, variables: Variables, depth: int) -> list[Piece] | None:  # noqa: PLR0911 - one for each kind
    if isinstance(node, ast.Constant):
        return [str(node.value)] if not isinstance(node.value, bytes) else None
    if isinstance(node, ast.JoinedStr):
        return [piece for part in node.values for piece in _of_part(part, variables, depth)]
    if isinstance(node, ast.BinOp):
        return _of_operator(node, variables, depth)
    if isinstance(node, ast.Call):
        return _of_call(node, variables, depth)
    if isinstance(node, ast.Dict):
        return _of_dict(variables.entries(node), "'")
    if isinstance(node, ast.Name):
        parts = variables.text_parts(node)
        if parts:
            return [piece for part, seen in parts for piece in template_of(part, seen, depth)]
        entries = variables.entries(node)
        return _of_dict(entries, "'") if entries else None
    return None


def _of_part(part: ast.expr, variables: Variables, depth: int) -> Iterable[Piece]:
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    if not isinstance(part, ast.FormattedValue):
        return [Value()]
    spec = _constant_spec(part.format_spec)
    inner = template_of(part.value, variables, depth)
    return _formatted(inner, spec, bare=part.conversion == ord("r"))


def _constant_spec(spec: ast.expr | None) -> str:
    if not isinstance(spec, ast.JoinedStr):
        return ""
    known = [part.value for part in spec.values if isinstance(part, ast.Constant)]
    return "".join(map(str, known)) if len(known) == len(spec.values) else ""


def _of_operator(node: ast.BinOp, variables: Variables, depth: int) -> list[Piece] | None:
    left = template_of(node.left, variables, depth)
    if isinstance(node.op, ast.Mod):
        text = _literal(left)
        return None if text is None else [*percent(text, _operands(node.right, variables, depth))]
    if isinstance(node.op, ast.Add):
        right = template_of(node.right, variables, depth)
        is_text = any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in _sides(node))
        return [*left, *right] if is_text or _has_text(left) or _has_text(right) else None
    if isinstance(node.op, ast.Mult):
        for side, times in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, ast.Constant) and isinstance(side.value, str) and side.value:
                number = times.value if isinstance(times, ast.Constant) and isinstance(times.value, int) else 1
                return [side.value * max(1, min(number, _LONGEST_RULE // len(side.value)))]
    return None


def _sides(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)


def _operands(node: ast.expr, variables: Variables, depth: int) -> list[Template] | dict[str, Template]:
    if isinstance(node, ast.Tuple):
        return [template_of(item, variables, depth) for item in node.elts]
    entries = variables.entries(node)
    if entries:
        return {key: template_of(value, variables, depth) for key, value in entries.items() if value is not None}
    return [template_of(node, variables, depth)]


def _of_call(node: ast.Call, variables: Variables, depth: int) -> list[Piece] | None:
    name = called(node)
    if isinstance(node.func, ast.Attribute) and name in {"format", "join"}:
        return _of_method(node, node.func, variables, depth)
    if name in {"dumps", "dict"}:
        entries = variables.entries(node.args[0] if name == "dumps" and node.args else node)
        lines = ",\n" if any(keyword.arg == "indent" for keyword in node.keywords) else ", "
        return _of_dict(entries, '"' if name == "dumps" else "'", lines) if entries else None
    if name in _WRAPPERS and node.args and isinstance(node.func, ast.Name):
        inner = template_of(node.args[0], variables, depth)
        spec = node.args[1] if name == "format" and len(node.args) > 1 else None
        known = str(spec.value) if isinstance(spec, ast.Constant) else ""
        return [*_formatted(inner, known, sure=name in {"float", "int", "round"})]
    for argument in node.args[:1]:  # colored(f"...", "red")
        inner = template_of(argument, variables, depth)
        if isinstance(argument, (ast.JoinedStr, ast.BinOp, ast.Call)) and _has_text(inner):
            return [Value(spec="ansi"), *inner, Value(spec="ansi")]
    return None


def _of_method(node: ast.Call, function: ast.Attribute, variables: Variables, depth: int) -> list[Piece] | None:
    """Return what `text.format(...)` or `separator.join(...)` looks like."""
    text = _literal(template_of(function.value, variables, depth))
    if text is None:
        return None
    if function.attr == "format":
        arguments = [template_of(item, variables, depth) for item in node.args if not isinstance(item, ast.Starred)]
        named = {k.arg: template_of(k.value, variables, depth) for k in node.keywords if k.arg}
        return [*formatted(text, arguments, named)]
    pieces = _split(node.args[0]) if len(node.args) == 1 else None
    if pieces is not None:
        return [text.join(pieces)]
    items = variables.items(node.args[0]) if len(node.args) == 1 else []
    return [*joined((template_of(item, variables, depth) for item in items), text)] if items else None


def _split(node: ast.expr) -> list[str] | None:
    """Return the parts of a text that is written out and split at once, as in `"a,b".split(",")`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "split":
        return None
    parts = [node.func.value, *node.args[:1]]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if len(texts) != len(parts) or "" in texts[1:]:
        return None
    return texts[0].split(texts[1] if len(texts) > 1 else None)


def _of_dict(entries: Mapping[str, ast.expr | None], quote: str, between: str = ", ") -> list[Piece]:
    """Return how Python (`'`) or JSON (`"`) writes a dictionary. An unknown part has an empty key."""
    result: list[Piece] = ["{"]
    for number, (key, value) in enumerate(entries.items()):
        result += [between] if number else [between[1:].strip(" ")]
        if value is None or not key.strip("*"):
            result.append(Value())
            continue
        is_text = isinstance(value, (ast.JoinedStr, ast.Dict, ast.List))
        result += [f"{quote}{key}{quote}: ", Value() if is_text else Value(node=value, bare=quote == "'")]
    return [*result, "}"]


def _formatted(inner: Template, spec: str, *, bare: bool = False, sure: bool = False) -> list[Piece]:
    """Return a template as a specification formats it; text in it stays as it is."""
    if len(inner) != 1 or isinstance(inner[0], str):
        return [*inner]
    value = inner[0]
    is_bare = (value.bare and not sure and not spec) or bare
    return [Value(node=value.node, spec=spec or value.spec, name=value.name, bare=is_bare)]


def _spec(flags: str, width: str | None, precision: str | None, kind: str) -> str:
    """Return the specification of a `%` conversion in the words of `format`."""
    sign = "+" if "+" in flags else " " if " " in flags else ""
    align = "<" if "-" in flags else ">" if kind in "rsac" and width else "0" if "0" in flags else ""
    digits = f".{'6' if precision == '*' else precision}" if precision and kind not in "rsa" else ""
    size = "8" if width == "*" else width or ""
    letter = {"i": "d", "u": "d", "r": "", "s": "", "a": ""}.get(kind, kind)
    return f"{align if align != '0' else ''}{sign}{'0' if align == '0' else ''}{size}{digits}{letter}"


def _literal(template: Template) -> str | None:
    return "".join(map(str, template)) if all(isinstance(piece, str) for piece in template) else None


def _has_text(template: Template) -> bool:
    return any(isinstance(piece, str) and any(map(str.isalpha, piece)) for piece in template)


def _reached(inner: Template, first: str, rest: str) -> ast.expr | None:
    """Return the expression that a field such as `{meter.avg}` or `{0[loss]}` reaches."""
    base = inner[0].node if len(inner) == 1 and isinstance(inner[0], Value) else None
    name = ast.unparse(base) if base is not None else first
    quoted = re.sub(r"\[([^\]'\"]*[^\]'\"\d][^\]'\"]*)\]", r"['\1']", rest)
    try:
        node = ast.parse(f"({name}){quoted}" if base is not None else f"{name}{quoted}", mode="eval").body
    except SyntaxError:
        return None
    return node


def _merged(pieces: Iterable[Piece]) -> Template:
    """Return pieces with neighbouring texts in one."""
    result: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and result and isinstance(result[-1], str):
            result[-1] += piece
        elif piece != "":
            result.append(piece)
    return tuple(result)
