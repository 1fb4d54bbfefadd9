"""The names of the values on a printed line: the epoch, and the metrics by the words before them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from hpsearch.drafting.from_script.epochs import is_epoch
from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.metric_names import is_metric, is_past, short_name, split_of, words_of
from hpsearch.drafting.from_script.outputs import Output
from hpsearch.drafting.from_script.places import Source
from hpsearch.drafting.from_script.templates import Template, Value

_ANSI = re.compile(r"\x1b\[[\d;]*m")
_UNIT = re.compile(r"\((?:%|[^()]{0,12})\)|\[(?:%|[^\[\]]{0,12})\]")
_CLAUSE = re.compile(r"[|,;\t\[\](){}<>]|\s{2,}|\s[-\u2013\u2014*]\s|->|\.\s|={2,}|-{2,}|\*")
_NOT_A_NUMBER = set("xXbcoq,_")
_WHOLE_SPEC = re.compile(r".*(?:\.0[fe%]|d)")
_AFTER_A_SLASH = re.compile(r"\s*/\s*$")
_GOES_ON = {"the", "of", "on", "for", "in", "over", "with", "at", "after", "from", "to"}  # the value names no metric
_FRACTION = {"correct", "hits", "total", "n_correct", "num_correct"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A named value of a printed line.

    Attributes:
        index: Its place in the line's pieces.
        name: Of its group in a regular expression.
        words: What it is called in the script.
        split: The split that it is of; empty if the script does not say.
        past: Whether it is the best so far, not the one of this epoch.
        coarse: Whether it is printed without decimals.
    """

    index: int
    name: str
    words: tuple[str, ...] = ()
    split: str = ""
    past: bool = False
    coarse: bool = False


def clause_of(text: str) -> str:
    """Return the last part of the text before a value, which names it: `valid loss` of `5.2s | valid loss `."""
    bare = _UNIT.sub(" ", _ANSI.sub("", text).rstrip(" \t:=~->'\"")).rstrip(" \t:=~->'\"")
    return _CLAUSE.split(bare)[-1].strip(" :='\"")


def epoch_of(output: Output, source: Source) -> int | None:
    """Return the index of the epoch among a line's pieces; None if it is not on the line."""
    for index, piece in enumerate(output.pieces):
        if isinstance(piece, Value):
            label = words_of(clause_of(_before(output.pieces, index)))
            if is_epoch(piece, label, source, output.call) and not _touches(output.pieces, index):
                return index
    return None


def metrics_of(pieces: Template, epoch: int | None, place: str = "") -> list[Named]:
    """Return the metrics of a line, each under another name.

    Args:
        pieces: Of the line.
        epoch: The index of the epoch among them.
        place: The split that the function's name has, which prints the line.
    """
    found: dict[str, Named] = {}
    header, inherited, before = "", ("", False), ""
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            header = split_of(tuple(reversed(words_of(piece)))) or header
            continue
        text = _before(pieces, index)
        clause = clause_of(text)
        follows = text.strip() in {"(", "[", "/"}  # such as `loss 0.21 (0.25)`
        label, is_part = inherited if follows else (clause, _is_fraction(pieces, index))
        inherited = (label, is_part and text.strip() != "(")
        if words_of(label)[-1:] and words_of(label)[-1] in _GOES_ON:
            before = label  # such as `accuracy on the 100 test images: `
            continue
        if before and not is_metric(words_of(label)) and not is_metric(words_of(_expression_name(piece))):
            label = f"{before} {label}"
        before = ""
        if index == epoch or not _is_number(piece, pieces, index) or is_part or _AFTER_A_SLASH.search(text):
            continue
        one = _named(piece, index, words_of(label), header, place)
        if one is None:
            continue
        earlier = found.get(one.name)
        if earlier is None or (follows and ".avg" in _source_of(piece)):
            found[one.name] = one
    return sorted(found.values(), key=lambda one: one.index)


def _named(piece: Value, index: int, label: tuple[str, ...], header: str, place: str) -> Named | None:
    own = words_of(_expression_name(piece))
    words = label if is_metric(label) else own
    if not is_metric(words):
        return None
    split = split_of(words) or (split_of(own) if is_metric(own) else "") or header or place
    return Named(
        index=index,
        name=short_name(words, split),
        words=words,
        split=split,
        past=is_past(label) or is_past(own),
        coarse=_WHOLE_SPEC.fullmatch(piece.spec) is not None,
    )


def _before(pieces: Template, index: int) -> str:
    for piece in reversed(pieces[:index]):
        if isinstance(piece, str):
            return piece
        if piece.spec != "ansi":
            return ""
    return ""


def _is_fraction(pieces: Template, index: int) -> bool:
    """Return whether a value is the first of two with a slash between them, such as 97/100."""
    after = pieces[index + 1] if index + 1 < len(pieces) else ""
    return isinstance(after, str) and re.match(r"\s*/\s*$", after) is not None and index + 2 < len(pieces)


def _is_number(value: Value, pieces: Template, index: int) -> bool:
    if value.spec == "ansi" or (value.node is None and not value.name):
        return False
    if isinstance(value.node, ast.Call) and called(value.node) == "len":
        return False
    if _NOT_A_NUMBER.intersection(value.spec[-1:]) or "," in value.spec or "_" in value.spec:
        return False
    if isinstance(value.node, (ast.IfExp, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Compare, ast.BoolOp)):
        return False
    return not _touches(pieces, index)


def _touches(pieces: Template, index: int) -> bool:
    """Return whether another value stands beside a value without any text between, so that neither can be told."""
    for neighbour in (index - 1, index + 1):
        if 0 <= neighbour < len(pieces):
            piece = pieces[neighbour]
            if (
                isinstance(piece, Value)
                and piece.spec != "ansi"
                and not (neighbour > index and is_fixed(pieces[index]))
            ):
                return True
    return False


def is_fixed(piece: str | Value) -> bool:
    """Return whether a value always has the same number of decimals, and something else may follow it at once."""
    return isinstance(piece, Value) and re.fullmatch(r"[ +]?0?\d*\.[1-9]\d*f", piece.spec) is not None


def _source_of(value: Value) -> str:
    return "" if value.node is None else ast.unparse(value.node)


def _expression_name(value: Value) -> str:
    """Return the name in a value's expression that is most like a metric: `val_acc` in `100 * val_acc.item()`."""
    if value.node is None:
        return value.name
    names: list[str] = []
    for node in ast.walk(value.node):
        if isinstance(node, ast.Name):
            names.append(node.id)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.append(node.value)
    metrics = [name for name in names if is_metric(words_of(name))]
    if not metrics and value.name:
        metrics = [value.name]
    if not metrics and _FRACTION.intersection(names) and isinstance(value.node, ast.BinOp):
        return "accuracy"
    split = next((name for name in names if split_of(words_of(name))), "")
    best = next(iter(metrics), "")
    return f"{split_of(words_of(split))}_{best}" if split and best and not split_of(words_of(best)) else best
