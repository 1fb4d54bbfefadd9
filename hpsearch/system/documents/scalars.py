"""Values as YAML, JSON or TOML text, in the style of the text that they replace.

YAML reads the same under versions 1.1 (PyYAML) and 1.2 (ruamel.yaml). So `on` and `1:30` get quotes. An exponent gets a
point and a sign, because PyYAML reads `1e-05` as a string; it gets none if the replaced text has none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hpsearch.errors import InputError

_EXPONENT = re.compile(r"[-+]?[\d_]+(?P<point>\.[\d_]*)?(?P<e>[eE])(?P<sign>[-+]?)(?P<digits>\d+)")
_FIXED = re.compile(r"[-+]?(\d[\d_]*)?(\.[\d_]*)?")
_LONGEST_FIXED = 24  # the 17 digits that a float may need, and a few zeros: 0.000031415926535897931

TOML_BARE = r"[A-Za-z0-9_-]+"  # a key without quotes
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # in both versions, no number, date or indicator begins so
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_ALLOWED = "text, numbers, booleans, null, and lists and mappings of them"


def plain(value: Any, where: str, *, finite: bool) -> Any:
    """Return a value in Python's own types.

    Args:
        value: The value of a config.
        where: File and parameter, for messages.
        finite: Whether to refuse NaN and the infinities, which JSON does not have.

    Raises:
        InputError: The value holds something else than text, numbers, booleans, null, lists and mappings.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and not math.isfinite(value) and finite:
        raise InputError(f"{where} is {value}, which JSON does not have; allowed: finite numbers, or a YAML file")
    for kind in (int, float):  # NumPy's float64 is a float with another repr
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, str):
        return text_of(value, where)
    if isinstance(value, (list, tuple)):
        return [plain(item, where, finite=finite) for item in value]
    if isinstance(value, Mapping):
        return {text_of(str(key), where): plain(item, where, finite=finite) for key, item in value.items()}
    raise InputError(f"{where} is {value!r}, a {type(value).__name__}; allowed: {_ALLOWED}")


def text_of(value: str, where: str) -> str:
    """Return text that a file can hold.

    Args:
        where: As in `plain`.

    Raises:
        InputError: It has half of a character, as text from a command line may.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where} has half of a character; allowed: text that can be written as UTF-8") from None
    return str(value)


def yaml_text(value: Any, old: str = "") -> str:
    """Return a plain value as YAML on one line, collections in flow style.

    Args:
        value: What `plain` returned.
        old: The text that it replaces. Its style of exponents, capitals and quotes is kept.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{yaml_text(key)}: {yaml_text(item)}' for key, item in value.items())}}}"
    return _scalar_text(value, old)


def json_text(value: Any, old: str = "") -> str:
    """Return a plain, finite value as JSON on one line.

    Args:
        value: What `plain` returned.
        old: The text that it replaces. Its style of exponents is kept.
    """
    if isinstance(value, float):
        return float_text(value, old)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def toml_text(value: Any, where: str, old: str = "") -> str:
    """Return a plain value as TOML on one line.

    Args:
        value: What `plain` returned.
        where: File and parameter, for messages.
        old: The text that it replaces. Its style of exponents and quotes is kept.

    Raises:
        InputError: The value holds null, which TOML does not have.
    """
    if value is None:
        raise InputError(f"{where} is null, which TOML does not have; allowed: other values, or a YAML or JSON file")
    if isinstance(value, list):
        return f"[{', '.join(toml_text(item, where) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{toml_text_of_key(key)} = {toml_text(item, where)}" for key, item in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, str):
        if old[:1] == "'" and old[:3] != "'''" and value.isprintable() and "'" not in value:
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return _not_finite_text(value).replace(".", "")
    return _scalar_text(value, "" if isinstance(value, bool) else old)


def toml_text_of_key(name: str) -> str:
    """Return a key as TOML: bare, or in quotes."""
    return name if re.fullmatch(TOML_BARE, name) else toml_text(name, name)


def _scalar_text(value: Any, old: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return _capitalised(str(value).lower(), old)
    if isinstance(value, float):
        return float_text(value, old) if math.isfinite(value) else _not_finite_text(value)
    return _string_text(value, old) if isinstance(value, str) else str(value)


def float_text(value: float, old: str) -> str:
    """Return a float with the fewest digits that read back as the same value."""
    style = _EXPONENT.fullmatch(old)
    if style and value != 0:
        return _exponent_text(value, style)
    fixed = format(Decimal(repr(value)), "f")
    if old and _FIXED.fullmatch(old) and len(fixed) <= _LONGEST_FIXED:
        return fixed if "." in fixed else f"{fixed}.0"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text


def _exponent_text(value: float, style: re.Match[str]) -> str:
    number = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, number.digits))
    exponent = len(digits) - 1 + int(number.exponent)
    rest = digits[1:] or ("0" if style["point"] else "")
    sign = "-" if exponent < 0 else "+" if style["sign"] == "+" or style["point"] else ""
    padded = str(abs(exponent)).rjust(len(style["digits"]), "0")
    return f"{'-' if value < 0 else ''}{digits[0]}{'.' if rest else ''}{rest}{style['e']}{sign}{padded}"


def _not_finite_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    return ".inf" if value > 0 else "-.inf"


def _capitalised(word: str, old: str) -> str:
    if old.lower() not in ("true", "false"):
        return word
    return word.upper() if old.isupper() else word.title() if old.istitle() else word


def _string_text(value: str, old: str) -> str:
    if old[:1] == "'" and value.isprintable():
        return single_quoted(value)
    return value if old[:1] != '"' and is_word(value) else double_quoted(value)


def is_word(text: str) -> bool:
    """Return whether text needs no quotes in any version of YAML: a word, or a path such as a/b."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def single_quoted(text: str) -> str:
    """Return printable text in YAML's single quotes."""
    return "'" + text.replace("'", "''") + "'"


def double_quoted(text: str, *, short: bool = True) -> str:
    """Return any text in YAML's double quotes, with escapes.

    Args:
        short: Whether line breaks and tabs get their short escapes; if not, their numbers, like all else.
    """
    return '"' + "".join(_escaped(character, short=short) for character in text) + '"'


def _escaped(character: str, *, short: bool) -> str:
    if character in '"\\':
        return f"\\{character}"
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"} if short else {}
    # YAML writes any character with eight digits; it does not have JSON's surrogate pairs.
    return character if character.isprintable() else named.get(character) or f"\\U{ord(character):08x}"
