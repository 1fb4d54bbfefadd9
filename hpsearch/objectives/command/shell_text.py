"""The command in the text of `sh -c TEXT`, where that has the placeholders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from hpsearch.objectives.command.program import SHELLS, program_start
from hpsearch.objectives.command.tokens import TOKEN, VARIABLE, bodies
from hpsearch.objectives.own_values import OWN_VALUES

_TEXT_FOLLOWS = re.compile(r"-[a-z]*c")
_BEFORE = re.compile(r"\w+=.*|exec|command|time|nohup|\{", re.DOTALL)  # assignments, and words of the shell
_DESCRIPTOR = re.compile(r"(?<!\S)\d(?=[<>])")  # as in 2>&1
_FIRST_HIDDEN = 0xE000  # private characters, one for each placeholder
_MOST_HIDDEN = 0x1900


def command_in(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of the command that the values go to: those in a shell's text, or the same ones.

    Of several commands in the text, it is the first that has a placeholder of a parameter, or else of the trial's own
    values, without its redirections.

    Args:
        arguments: As the space file has them.
    """
    at = text_place(arguments)
    text = "" if at is None else arguments[at]
    found = [match[0] for match in TOKEN.finditer(text)]
    if not any(bodies(text)) or len(found) > _MOST_HIDDEN:
        return list(arguments)
    places = iter(range(len(found)))
    hidden = TOKEN.sub(lambda _: chr(_FIRST_HIDDEN + next(places)), text)
    commands = [[_shown(word, found) for word in command] for command in _commands(hidden)]
    with_any = [words for words in commands if any(body for word in words for body in bodies(word))]
    with_others = (words for words in with_any if any(not _is_own(body) for word in words for body in bodies(word)))
    return next(with_others, next(iter(with_any), list(arguments)))


def _is_own(body: str) -> bool:
    return body in OWN_VALUES or VARIABLE.fullmatch(body) is not None


def text_place(arguments: Sequence[str]) -> int | None:
    """Return the place of the text in the arguments of `sh -c TEXT`; None if they are none of a shell with a text."""
    start = program_start(arguments)
    if arguments[start].rpartition("/")[2] not in SHELLS:
        return None
    at = next((at for at, one in enumerate(arguments) if at > start and _TEXT_FOLLOWS.fullmatch(one)), len(arguments))
    return at + 1 if at + 1 < len(arguments) else None


def _commands(text: str) -> list[list[str]]:
    """Return the commands of a shell's text, without redirections; none if it can't be split."""
    tokens = shlex.shlex(_DESCRIPTOR.sub("", text), posix=True, punctuation_chars=True)
    tokens.whitespace_split, tokens.commenters = True, ""
    commands: list[list[str]] = [[]]
    try:
        for token in tokens:
            if "<" in token or ">" in token:
                next(tokens, "")
            elif token and not set(token) - set(";&|()\n"):
                commands.append([])
            elif commands[-1] or not _BEFORE.fullmatch(token):
                commands[-1].append(token)
    except ValueError:
        return []
    return [command for command in commands if command]


def _shown(word: str, found: Sequence[str]) -> str:
    return "".join(
        found[ord(one) - _FIRST_HIDDEN] if 0 <= ord(one) - _FIRST_HIDDEN < len(found) else one for one in word
    )
