"""Lines of meters: classes that print their own names, as PyTorch's ImageNet example has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.outputs import Output
from hpsearch.drafting.from_script.places import Source
from hpsearch.drafting.from_script.templates import Piece, Value

_METER, _PROGRESS = "AverageMeter", "ProgressMeter"


def meter_lines(source: Source) -> Iterator[Output]:
    """Yield the lines that a `ProgressMeter` displays: at a batch, and the summary at the end."""
    for call in (*source.callers.get("display_summary", ()), *source.callers.get("display", ())):
        meters = _meters(call, source)
        if not meters:
            continue
        is_summary = called(call) == "display_summary"
        pieces: list[Piece] = [" *" if is_summary else "["]
        pieces += [] if is_summary else [Value(), "/", Value(), "]"]
        for node, name, kind in meters:
            if not is_summary:
                pieces += [f"\t{name} ", Value(spec="6.3f"), " (", Value(node=node, spec="6.3f"), ")"]
            elif kind != "NONE":
                pieces += [f" {name} ", Value(node=node, spec=".3f")]
        if any(isinstance(piece, Value) for piece in pieces):
            yield Output(pieces=tuple(_merged(pieces)), call=call, place=source.place(call), plain=True)


def _meters(call: ast.Call, source: Source) -> list[tuple[ast.expr, str, str]]:
    """Return the meters of a progress: the expression, the name that is printed, and the kind of summary."""
    if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
        return []
    variables = source.variables(call)
    made = [value for _, way, value, _ in variables.assigned.get(call.func.value.id, ()) if way == "="]
    found = []
    for progress in made:
        if not isinstance(progress, ast.Call) or called(progress) != _PROGRESS:
            continue
        for item in (i for a in progress.args for i in variables.items(a)):
            if not isinstance(item, ast.Name):
                continue
            for _, _, meter, _ in variables.assigned.get(item.id, ()):
                if isinstance(meter, ast.Call) and called(meter) == _METER and meter.args:
                    words = [a.attr for a in meter.args if isinstance(a, ast.Attribute)]
                    name = meter.args[0].value if isinstance(meter.args[0], ast.Constant) else ""
                    found.append((item, str(name), next(iter(words), "")))
    return [one for one in found if one[1]]


def _merged(pieces: list[Piece]) -> Iterator[Piece]:
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        yield from (text, piece) if text else (piece,)
        text = ""
    if text:
        yield text
