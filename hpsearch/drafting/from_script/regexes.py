"""Regular expressions for printed lines, each tried on what the line prints before it is drafted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hpsearch.drafting.from_script.labels import Named, clause_of, is_fixed
from hpsearch.drafting.from_script.templates import Piece, Template, Value

_ANSI = re.compile(r"\x1b\[[\d;]*m")
_ANSI_PATTERN = r"(?:\x1b\[[\d;]*m)?"
_NUMBER = r"[-+.\w]+"
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_NUMBERLIKE = re.compile(r"[-+.\w]")
_SPEC = re.compile(r"(?:(.)?([<>=^]))?[-+ ]?(?:z)?#?(0)?(\d+)?(?:\.(\d+))?([a-zA-Z%])?")
_SAMPLES = (("7", "0.2500"), ("12", "1e-05"), ("3", "nan"), ("40", "inf"))  # an epoch and a metric
_GAPS = re.compile(r"(?:\.\*\?[ /,|:]+)+(?=\.\*\?)")
EPOCH = "epoch"


def sample(pieces: Template, values: dict[int, str], other: str = "3") -> str:
    """Return what a line may look like.

    Args:
        pieces: Of the line.
        values: What stands for some of the values, by their indices.
        other: What stands for the rest.
    """
    return "".join(
        piece if isinstance(piece, str) else "" if piece.spec == "ansi" else _padded(values.get(i, other), piece)
        for i, piece in enumerate(pieces)
    )


def regex_of(
    pieces: Template, epoch: int | None, metrics: Sequence[Named], others: Iterable[Template], *, logged: bool = False
) -> tuple[str, bool]:
    """Return a regular expression for a line, and whether it matches no other line of the script.

    The shortest of three is taken that tells the line from the others. Each is tried on what the line prints.

    Args:
        pieces: Of the line.
        epoch: The index of the epoch among them; None if it is not on the line.
        metrics: Those to read.
        others: The script's other lines.
        logged: Whether a logger may put something in front of the line.

    Returns:
        An empty text if none reads the line.
    """
    names = {one.index: one.name for one in metrics}
    if epoch is not None:
        names[epoch] = EPOCH
    full = _whole(pieces, names)
    start = "" if logged else "^"
    anchored = f"{start}{full}{_rest(pieces, names)}$"
    tries = (
        [_labelled(pieces, names), full, anchored] if any(map(_has_letters, pieces)) else [anchored] if start else []
    )
    tries = [one for text in tries for one in dict.fromkeys((_with_fewer_gaps(text), text))]
    good = [text for text in tries if text and _reads(text, pieces, names)]
    rivals = [sample(other, {}, number) for other in others for number in ("3", "0.5")]
    for text in good:
        if not any(re.search(text, line) for line in rivals):
            return text, True
    return (good[min(1, len(good) - 1)], False) if good else ("", False)


def _with_fewer_gaps(text: str) -> str:
    """Return an expression with one gap in place of several: each more makes lines that don't match far slower."""
    return _GAPS.sub("", text)


def text_pattern(text: str) -> str:
    """Return a regular expression for a text. Colours may be missing."""
    parts = _ANSI.split(text)
    return _ANSI_PATTERN.join(_plain(part) for part in parts)


def _plain(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", text)
    spaced = re.sub(r"\s+", lambda match: " " if match[0] == " " else r"\s+", escaped)
    return "".join(letter if letter.isprintable() else "." for letter in spaced)


def group(value: Value, name: str, *, touched: bool = False) -> str:
    """Return the group for a value, with the padding around it.

    Args:
        value: It.
        name: Of the group.
        touched: Whether another value follows at once, so that only the number of decimals tells where this one ends.
    """
    fill, align, zero, width, precision, kind = _parts(value.spec)
    pad = (
        f"{_plain(fill)}*"
        if fill not in ("", " ", "0")
        else r"\s*"
        if width or value.spec[:1] in "+ " or value.bare
        else ""
    )
    if value.spec == "" and not value.bare:
        pad = r"\s*"
    if name == EPOCH:
        inside = r"\d+"
    elif touched and is_fixed(value):
        inside = rf"[-+]?\d+\.\d{{{precision}}}|[-+]?nan|[-+]?inf"
    else:
        inside = _NUMBER
    wrapper = r"(?:[\w.]+\()?" if value.bare and name != EPOCH else ""
    before = pad if align != "<" else ""
    before += "(?:0+(?=nan|inf))?" if zero and name != EPOCH else ""
    after = ("%" if kind == "%" else "") + (pad if align in ("<", "^") else "")
    return f"{before}{wrapper}(?P<{name}>{inside}){after}"


def _parts(spec: str) -> tuple[str, str, str, str, str, str]:
    match = _SPEC.fullmatch(spec)
    fill, align, zero, width, precision, kind = match.groups() if match else (None,) * 6
    return fill or "", align or "", zero or "", width or "", precision or "", kind or ""


def _whole(pieces: Template, names: dict[int, str]) -> str:
    """Return all of a line up to its last named value."""
    return _between(pieces, names, 0, max(names)) + _tail(pieces, max(names))


def _rest(pieces: Template, names: dict[int, str]) -> str:
    rest = _between(pieces, {}, max(names) + 1, len(pieces) - 1)
    tail = _tail(pieces, max(names))
    return rest.removeprefix(tail)


def _between(pieces: Template, names: dict[int, str], start: int, end: int) -> str:
    return "".join(_pattern(pieces, index, names) for index in range(start, end + 1))


def _pattern(pieces: Template, index: int, names: dict[int, str]) -> str:
    piece = pieces[index]
    if isinstance(piece, str):
        text = text_pattern(piece)
        follows = index + 1 in names
        return re.sub(r"( |\\s\+)$", r"\\s+", text) if follows else text
    if piece.spec == "ansi":
        return _ANSI_PATTERN
    if index not in names:
        return ".*?"
    after = pieces[index + 1] if index + 1 < len(pieces) else ""
    text = group(piece, names[index], touched=isinstance(after, Value))
    before = pieces[index - 1] if index else ""
    return text.removeprefix(r"\s*") if isinstance(before, str) and before[-1:].isspace() else text


def _labelled(pieces: Template, names: dict[int, str]) -> str:
    """Return the named values with the words before each, and nothing else of the line; empty if one has no words."""
    parts: list[str] = []
    last = -1
    for index in sorted(names):
        before = pieces[index - 1] if index else ""
        clause = _label(before)
        if clause and _has_letters(clause):
            gap = pieces[last + 1 : index - 1]
            own = before.rpartition(clause)[0] if isinstance(before, str) else ""
            is_next = last >= 0 and not gap
            parts.append(_tail(pieces, last) if last >= 0 and (gap or own.strip() or not is_next) else "")
            joint = "" if last < 0 else ".*?" if gap or own.strip() else None
            if joint is None:
                parts.append(_between(pieces, names, last + 1, index))
            else:
                text = re.sub(r"( |\\s\+)$", r"\\s+", text_pattern(clause))
                parts.append(joint + text + _pattern(pieces, index, names))
        elif last < 0 and isinstance(before, str) and not _has_letters(before):
            parts.append(_between(pieces, names, 0, index))
        else:
            parts.append(_between(pieces, names, last + 1, index))
        last = index
    return "".join(parts) + _tail(pieces, last)


def _label(before: Piece) -> str:
    """Return the words before a value, with all that stands between them and the value."""
    if not isinstance(before, str) or _ANSI.search(before):
        return ""
    clause = clause_of(before)
    return before[before.rindex(clause) :] if clause and clause in before else ""


def _tail(pieces: Template, index: int) -> str:
    """Return the text right after a value, if a number could run into it."""
    after = pieces[index + 1] if index + 1 < len(pieces) else ""
    if not isinstance(after, str) or not _NUMBERLIKE.match(after):
        return ""
    word = re.match(r"\S+", after)
    return text_pattern(word[0]) if word else ""


def _reads(text: str, pieces: Template, names: dict[int, str]) -> bool:
    """Return whether a regular expression finds the right values in what a line prints."""
    try:
        pattern = re.compile(text)
    except re.error:
        return False
    for epoch, number in _SAMPLES:
        values = {
            index: epoch if name == EPOCH else _number(pieces[index], number, place)
            for place, (index, name) in enumerate(names.items())
        }
        for other in ("3", "some text"):
            match = pattern.search(sample(pieces, values, other))
            if match is None or any(not _is_same(match[name], values[index]) for index, name in names.items()):
                return False
    return True


def _number(piece: Piece, number: str, place: int) -> str:
    """Return a number as a value prints it, another one for each place."""
    if isinstance(piece, str) or not is_fixed(piece) or not number[0].isdigit():
        return number
    return f"{place}.{'25' * 9}"[: 2 + int(_parts(piece.spec)[4])]


def _is_same(found: str, printed: str) -> bool:
    try:
        return found == printed or float(found) == float(printed)
    except ValueError:
        return False


def _padded(text: str, value: Value) -> str:
    fill, align, zero, width, _, kind = _parts(value.spec)
    size = int(width or 0)
    text += "%" if kind == "%" else ""
    if align == "<":
        return text.ljust(size, fill or " ")
    return (
        text.center(size, fill or " ")
        if align == "^"
        else text.rjust(size, fill or ("0" if zero and text.isdigit() else " "))
    )


def _has_letters(piece: Piece) -> bool:
    return isinstance(piece, str) and any(map(str.isalpha, piece))
