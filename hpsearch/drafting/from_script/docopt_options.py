"""The options that docopt reads from a script's own help text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.setting import Setting

_OPTION = re.compile(r"^\s+(?:-\w(?:[ =][<\w>-]+)?,?\s+)?(--[A-Za-z][\w-]*)([ =](?:<[^>]+>|[A-Z][\w-]*))?(?:\s{2,}|$)")
_DEFAULT = re.compile(r"\[default: (.*?)\]", re.IGNORECASE | re.DOTALL)
_USAGE = re.compile(r"usage:\s*(\S.*)", re.IGNORECASE)
_POSITIONAL = re.compile(r"(?<![=\[(|\w-])<([A-Za-z][\w-]*)>(?![\])])")
_FLAG = "a flag, which takes no value"


def docopt_settings(tree: ast.Module) -> tuple[Setting, ...]:
    """Return the options of a script that calls `docopt`; none if it does not."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == "docopt"]
    text = ast.get_docstring(tree, clean=False) or ""
    if not calls or not text:
        return ()
    return (*_positional(text), *_options(text))


def _positional(text: str) -> Iterator[Setting]:
    usage = _USAGE.search(text)
    for name in dict.fromkeys(_POSITIONAL.findall(usage[1])) if usage else ():
        yield Setting(name=name.replace("-", "_"), default=None, positional=True, required=True)


def _options(text: str) -> Iterator[Setting]:
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines) if _OPTION.match(line)]
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        match = _OPTION.match(lines[begin])
        if match is None:
            continue
        said = "\n".join([lines[begin][match.end() :], *lines[begin + 1 : end]])
        default = _DEFAULT.search(said)
        value = None if default is None else _value(default[1])
        yield Setting(
            name=match[1].lstrip("-").replace("-", "_"),
            flag=match[1],
            default=value,
            type="" if value is None else type(value).__name__,
            help=" ".join(said.split()),
            joined=True,
            left_out="" if match[2] else _FLAG,
        )


def _value(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (int, float, str)) else text
