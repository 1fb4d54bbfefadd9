"""The lines that a script prints or logs, as templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.places import Place, Source
from hpsearch.drafting.from_script.templates import Piece, Template, formatted, joined, percent, template_of

_LEVELS = {"info", "warning", "warn", "success", "critical", "error", "print", "notice"}
_STREAMS = re.compile(r"stdout|stderr|tqdm|p?bar|progress\w*|\w*logger|console|click|typer|accelerator|fabric|st")
_PRINTERS = re.compile(
    r"\w*print\w*|echo|secho|logging?|log_(?:info|msg|message|line|string|str|to_screen)|logg?er|out_log|write_log"
)
_OWN_PRINTERS = re.compile(
    r"pprint|print_exc|print_help|print_usage|fprintf|blueprint|print_exception|print_config|print_args"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A line that a script prints.

    Attributes:
        pieces: Its text and the values in it.
        call: What prints it.
        place: Where that stands.
        plain: Whether it is the whole line, on standard output.
    """

    pieces: Template
    call: ast.Call
    place: Place
    plain: bool


def outputs_of(source: Source) -> list[Output]:
    """Return the lines that a script prints or logs, in the order of its source."""
    found: list[Output] = []
    open_line: tuple[Template, ast.AST | None] = ((), None)
    for call in source.calls:
        if not is_output(call) or any(isinstance(one, ast.ExceptHandler) for one in source.around(call)):
            continue
        place = source.place(call)
        for pieces in _variants(call, source):
            before, block = open_line
            whole = (
                (*before, *pieces) if before and block is source.parents.get(source.parents.get(call, call)) else pieces
            )
            open_line = ((), None)
            end = _keyword(call, "end") if called(call) == "print" else "\n"
            if end in ("\r", None):
                continue
            if (end and not end.endswith("\n")) or end == "":
                open_line = ((*whole, end) if end else whole, source.parents.get(source.parents.get(call, call)))
                continue
            lines = list(_lines(whole))
            is_plain = called(call) in {"print", "echo", "write"}
            found += [Output(pieces=line, call=call, place=place, plain=is_plain) for line in lines]
    return found


def is_output(call: ast.Call) -> bool:
    """Return whether a call prints or logs a line, as far as its name tells."""
    name = called(call)
    if not call.args or any(keyword.arg == "file" and not _is_stream(keyword.value) for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        if name == "write":
            return _STREAMS.fullmatch(_last(call.func.value)) is not None
        if name == "log":
            return len(call.args) > 1 and not isinstance(call.args[0], ast.Constant) and "log" in _last(call.func.value)
        if name in _LEVELS or name == "log_print":
            return True
        return name in {"echo", "secho", "master_print", "print_log", "print_rank0"}
    return _PRINTERS.fullmatch(name) is not None and not _OWN_PRINTERS.fullmatch(name)


def _is_stream(node: ast.expr) -> bool:
    return _last(node) in {"stdout", "stderr", "__stdout__", "__stderr__"}


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def _variants(call: ast.Call, source: Source) -> Iterator[Template]:
    """Yield what a call prints; one for each text that the callers of its function give to it."""
    function = source.function(call)
    bounds: list[dict[str, ast.expr]] = []
    for caller in source.callers_of(function) if function is not None else ():
        given = source.given(function, caller) if function is not None else {}
        texts = {name: value for name, value in given.items() if _is_text(value)}
        if texts and ast.dump(ast.Tuple([*texts.values()])) not in {ast.dump(ast.Tuple([*b.values()])) for b in bounds}:
            bounds.append(texts)
    seen: list[Template] = []
    for bound in [loop | one for one in bounds or [{}] for loop in _looped(call, source)]:
        pieces = _printed(call, source, bound)
        if pieces not in seen:
            seen.append(pieces)
            yield pieces


def _looped(call: ast.Call, source: Source) -> list[dict[str, ast.expr]]:
    """Return the texts that a loop over a few of them gives to its variable, such as the names of the splits."""
    for loop in source.loops(call):
        if (
            isinstance(loop, ast.For)
            and isinstance(loop.target, ast.Name)
            and isinstance(loop.iter, (ast.List, ast.Tuple))
        ):
            texts = [item for item in loop.iter.elts if _is_text(item)]
            if texts and len(texts) == len(loop.iter.elts):
                return [{loop.target.id: text} for text in texts]
    return [{}]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _printed(call: ast.Call, source: Source, bound: dict[str, ast.expr]) -> Template:
    variables = source.variables(call, bound)
    arguments = call.args[1:] if called(call) == "log" and isinstance(call.func, ast.Attribute) else call.args
    parts = [template_of(a.value if isinstance(a, ast.Starred) else a, variables) for a in arguments]
    is_logger = isinstance(call.func, ast.Attribute) and called(call) not in {"print", "write"}
    if not is_logger:
        separator = _keyword(call, "sep")
        return joined(parts, " " if separator is None else separator)
    text = parts[0][0] if len(parts[0]) == 1 and isinstance(parts[0][0], str) else None
    if text is None or len(parts) == 1:
        return parts[0]
    if "%" not in text and "{" in text:
        return formatted(text, parts[1:], {})  # Loguru's
    mapping = variables.entries(arguments[1]) if len(arguments) == 2 else {}  # noqa: PLR2004 - the text and a mapping
    named = {key: template_of(value, variables) for key, value in mapping.items() if value is not None}
    return percent(text, named or parts[1:])


def _keyword(call: ast.Call, name: str) -> str | None:
    """Return a text that a keyword is given; a line's end if there is no `end`."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return str(keyword.value.value) if isinstance(keyword.value, ast.Constant) else None
    return "\n" if name == "end" else None


def _lines(pieces: Template) -> Iterator[Template]:
    """Yield the lines of what is printed, without empty ones. What a carriage return overwrites is left out."""
    line: list[Piece] = []
    for piece in (*pieces, "\n"):
        if not isinstance(piece, str):
            line.append(piece)
            continue
        first, *others = piece.split("\n")
        for number, text in enumerate((first, *others)):
            if number:
                if line:
                    yield tuple(line)
                line = []
            if "\r" in text:
                line = []
            if text := text.rpartition("\r")[2]:
                line.append(text)
