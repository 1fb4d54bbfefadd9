"""The text of a drafted space file: values as YAML, a command as a shell reads it, comments in a column."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from hpsearch.drafting.flow import flow
from hpsearch.drafting.space_file import Block, CommandText, Comment, Entry, Line, SpaceFile

_WIDTH = 108  # characters of a line of the command, before the indent of its section
_COLUMN = 44  # no comment is moved farther right than this
_LONGEST_BESIDE = 60  # characters of a comment beside its line; a longer one goes above
_UNQUOTED = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)  # words that need no quotes
_FLAG = re.compile(r"\{flag:[^{}'\"\\\n]*\}")  # a placeholder, whose blanks separate nothing


def text_of(file: SpaceFile) -> str:
    """Return the text of a space file."""
    lines = [
        *_comments(file.head),
        f"study: {flow(file.study)}",
        *_aligned(file.goal, ""),
        "objective:",
        *(text for line in file.objective for text in _aligned([line])),
        "space:",
        *_aligned(file.space),
        *_sections({"search": file.search, "finalists": file.finalists}),
        *_comments(file.tail),
    ]
    return "\n".join(lines) + "\n"


def _comments(texts: Iterable[str]) -> list[str]:
    return [f"# {_printable(text)}" for text in texts]


def _sections(sections: dict[str, tuple[Entry, ...]]) -> list[str]:
    """Return each section on a line, with the values in a column; one with comments takes a line for each entry."""
    width = max(map(len, sections))
    lines = []
    for name, entries in sections.items():
        if any(entry.comment for entry in entries):
            lines += [f"{name}:", *_aligned(entries)]
        elif entries:
            lines.append(f"{f'{name}:'.ljust(width + 1)} {flow({entry.name: entry.value for entry in entries})}")
    return lines


def _aligned(lines: Iterable[Line], indent: str = "  ") -> list[str]:
    """Return lines with their comments in a column."""
    rows = [row for line in lines for row in _rows(line)]
    column = min(_COLUMN, max((len(text) for text, comment in rows if text and comment), default=0))
    result = []
    for text, comment in rows:
        beside = f"# {_printable(comment)}" if comment else ""
        result.append(f"{indent}{text.ljust(column)}  {beside}" if text and beside else f"{indent}{text or beside}")
    return result


def _rows(line: Line) -> list[tuple[str, str]]:
    """Return the text and the comment of each row of a line. A row without text is a comment."""
    if isinstance(line, Comment):
        return [("", line.text)]
    name = flow(line.name)
    if isinstance(line.value, Block):
        inner = [text for entry in line.value.entries for text in _aligned([entry])]
        return [(f"{name}:", line.comment), *((text, "") for text in inner)]
    if isinstance(line.value, CommandText):
        return [(text, "") for text in _command(name, line.value)]
    text = f"{name}: {flow(line.value)}"
    if len(line.comment) > _LONGEST_BESIDE:
        return [("", f"{name}: {line.comment}"), (text, "")]
    return [(text, line.comment)]


def _command(name: str, command: CommandText) -> list[str]:
    """Return a command as a block with a shell's continued lines, or as a list if a block can't hold it."""
    words = [word for group in command.groups for word in group]
    if not all(word.isprintable() for word in words):
        return [f"{name}: {flow(words)}"]
    parts = [" ".join(map(_quoted, group)) for group in command.groups]
    return [f"{name}: |", *_continued(parts)]


def _quoted(word: str) -> str:
    return word if _UNQUOTED.fullmatch(word) or _FLAG.fullmatch(word) else shlex.quote(word)


def _continued(parts: Sequence[str]) -> list[str]:
    lines = [f"  {parts[0]}"]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _WIDTH:
            lines[-1] += f" {part}"
        else:
            lines[-1] += " \\"
            lines.append(f"    {part}")
    return lines


def _printable(text: str) -> str:
    """Return text with a question mark for what a comment can't hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
