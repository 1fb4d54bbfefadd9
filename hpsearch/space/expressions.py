"""The text of a constraint or a formula: its words, its syntax tree, and messages on its parts.

Python's parser reads the text. Nothing here runs it.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence

from hpsearch.errors import FieldError
from hpsearch.text import FieldPath, shown

_MAX_CHARACTERS = 500
_MAX_DEPTH = 50  # far below the interpreter's limit on recursion, for the caller has used a part of it

ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # `**` makes complex numbers of negative ones
}
ORDER: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: tuple[Callable[[float], float], ...] = (
    abs,
    math.log,
    math.log2,
    math.log10,
    math.exp,
    math.sqrt,
    round,
    int,
    math.floor,
    math.ceil,
)
FUNCTIONS = {function.__name__: function for function in _UNARY}
EXTREMES: Mapping[str, Callable[[Sequence[float]], float]] = {"min": min, "max": max}
FUNCTION_NAMES = (*EXTREMES, *FUNCTIONS)
WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_SIGNS = f"+ - * / // % ** ( ) {' '.join(FUNCTION_NAMES)}"
FORM = (
    "comparisons of parameters, constants, numbers, 'text', true, false and null, such as lr * weight_decay <= 1e-4, "
    f"with < <= > >= == != and or not {_SIGNS}"
)
ARITHMETIC_FORM = f"arithmetic with names and numbers, such as 20 * epochs, with {_SIGNS}"


class Expression:
    """One text, with its place in the file.

    Args:
        text: An expression of at most 500 characters.
        names: All parameters and constants.
        path: Where the text stands in the file, for messages.
        form: What the text may be, for messages.

    Attributes:
        text: The text without the spaces around it.
        form: What the text may be.
        usable: The names that an expression can have.
    """

    def __init__(self, text: str, names: Collection[str], path: FieldPath, form: str = FORM) -> None:
        self.text, self._names, self._path, self.form = text.strip(), names, path, form
        self.usable = [name for name in names if _is_usable(name)]

    def tree(self) -> ast.expr:
        """Return the syntax tree.

        Raises:
            FieldError: The text is empty, too long or nested too deeply, or it is no expression.
        """
        if not self.text:
            raise self.error("is empty", self.form)
        if len(self.text) > _MAX_CHARACTERS:
            raise self.error(f"has {len(self.text)} characters", f"at most {_MAX_CHARACTERS}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on escapes in text, or numbers that touch a word
                tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error) from None
        except (ValueError, RecursionError, MemoryError):  # surrogates and NUL; nested beyond what the parser takes
            raise self.error(f"{shown(self.text)} can't be read", self.form) from None
        if _depth(tree) > _MAX_DEPTH:
            raise self.error(f"{shown(self.text)} is nested too deeply", f"at most {_MAX_DEPTH} levels")
        return tree

    def source(self, node: ast.expr) -> str:
        """Return the text of one part."""
        return ast.get_source_segment(self.text, node) or self.text

    def piece(self, node: ast.expr) -> str:
        """Return the text of one part, as messages show it."""
        return shown(self.source(node))

    def error(self, found: str, allowed: str, near: str = "") -> FieldError:
        """Return an error at the text's place, with the found part, the allowed ones, and the nearest known word."""
        return FieldError(self._path, found, allowed, near)

    def misnamed(self) -> FieldError | None:
        """Return an error if the text has a name that no expression can have."""
        for name in self._names:
            if name not in self.usable and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", self.text):
                reserved = name in WORDS or keyword.iskeyword(name)
                reading = "is a reserved word" if reserved else "reads as something else"
                found = f"the name {name!r} can't stand in an expression, where it {reading}"
                return self.error(found, "names of letters, digits, _ and dots; rename it in the space")
        return None

    def _unreadable(self, error: SyntaxError) -> FieldError:
        offset = 1 if error.offset is None else error.offset  # from 1 in its line; 0 is the end of the text
        rest = self.text.split("\n", (error.lineno or 1) - 1)[-1][offset - 1 :] if offset else ""
        text = shown(self.text)
        found = f"{text} can't be read from {shown(rest)} on" if rest else f"{text} breaks off"
        return self.misnamed() or self.error(found, self.form)


def dotted(node: ast.expr) -> str:
    """Return a name with its dots, such as optimizer.lr; an empty string for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _is_usable(name: str) -> bool:
    # The parser turns names into their NFKC form.
    parts = name.split(".")
    words = any(keyword.iskeyword(part) for part in parts) or name in WORDS
    return all(map(str.isidentifier, parts)) and not words and unicodedata.normalize("NFKC", name) == name


def _depth(tree: ast.AST) -> int:
    level, depth = [tree], 0
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth
