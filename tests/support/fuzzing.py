"""The common parts of the fuzzing tests: the number of cases, the allowed outcomes, and the input."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hpsearch.errors import InputError
from support import strategies  # noqa: F401 - loads the profile: the same cases in every run, no folder left behind

SCALE = float(os.environ.get("FUZZ_SCALE", "1"))
"""A factor on the number of cases, for a longer search by hand."""

SMALL = """\
study: cnn
metric: val_accuracy
direction: maximize
seed: 0
objective: {python: "no_such_module:main", epochs: 20}
space:
  lr: {loguniform: [1e-4, 1e-1]}
  batch_size:
    choice: [16, 32, 64]
"""
"""The smallest space file."""

LONGEST_MESSAGE = 2100  # characters
CASE_LIMIT_S = 10.0  # of CPU time, so that a busy machine fails nothing


class TooLong(BaseException):
    """A case hangs; no `except Exception` swallows it."""


@contextmanager
def limited() -> Iterator[None]:
    """End a case that takes too much CPU time; pytest's own limit ends one that waits."""

    def ring(*_: object) -> None:
        raise TooLong(f"a case took more than {CASE_LIMIT_S:g} s of CPU time")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, CASE_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def cases(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a property with a number of generated cases, each with a time limit; fewer cases fail the test."""

    def decorate(test: Any) -> Callable[..., None]:
        inner, seen = test.hypothesis.inner_test, [0]

        @functools.wraps(inner)
        def counted(*arguments: Any, **named: Any) -> None:
            seen[0] += 1
            try:
                with limited():
                    inner(*arguments, **named)
            except TooLong as error:
                raise AssertionError(str(error)) from error

        test.hypothesis.inner_test = counted
        # All cases share a fixture's folder; broken files are built slowly, and rejected often.
        wanted = max(1, round(count * SCALE))
        tuned = settings(max_examples=wanted, suppress_health_check=list(HealthCheck))(test)

        @functools.wraps(tuned)
        def run(*arguments: Any, **named: Any) -> None:
            seen[0] = 0
            tuned(*arguments, **named)
            assert seen[0] >= wanted, f"{seen[0]} cases, not {wanted}"

        return run

    return decorate


def refusal(call: Callable[[], object]) -> str | None:
    """Return the message of a call that refuses its input, or None; any other error passes through."""
    try:
        call()
    except InputError as error:
        return checked(str(error))
    return None


def checked(message: str) -> str:
    """Return a message if it is fit to print: one paragraph of some length, without control characters."""
    assert message
    assert message.isprintable(), ascii(message)
    assert len(message) <= LONGEST_MESSAGE, message
    assert "Traceback" not in message
    assert "pydantic" not in message
    return message


def listing(folder: Path) -> dict[str, bytes | None]:
    """Return the content of all files below a folder, and None for anything else in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


HOSTILE = (
    *"{}[]:,&*!|>%@`'\"#-?\t\n \0\x07\x1b\x7f\x85\u2028\ufeff",
    *(": ", "- ", "<<: ", "<<: *a", "? ", "---\n", "...\n", "%YAML 1.1\n---\n", "&a ", "*a", "&a [*a]", "~", "|2\n"),
    *("!!set {a}", "!!omap [a]", "!!binary x", "!!int x", "!!float ''", "!!bool 3", "!!timestamp x", "!!null x"),
    *("!!python/object/apply:os.system [ls]", "!!python/name:os.system", "!local x", "!<tag:yaml.org,2002:map> x"),
    *("1" * 5000, "0x" + "f" * 400, "1e999999", "-.inf", ".nan", "0o777", "0b1", "1_000", "1:30", "2026-01-01"),
    *("2026-01-01T00:00:00Z", "9223372036854775808", "-9223372036854775809", "1e-400", "00", "+.5e+", "on", "None"),
    *("[" * 300, "{a: " * 300, "- " * 300, "(" * 100, '"\\ud800"', '"\\x1b[31m"', '"\\0"', '"\\n"', "'" * 3, "🙂"),
    *("../../etc/passwd", "~nobody-at-all/x", "$(ls)", "`ls`", "{lr}", "{{", "%s", "\\", "x" * 3000, "é", "\uff41"),
)
"""Pieces that parsers stumble over."""

letters = st.characters(codec="utf-8") | st.sampled_from("\0\x1b\x85\u2028\ud800\udcff\ufeff")
texts = st.text(letters, max_size=12) | st.sampled_from([*HOSTILE, ""])
numbers = st.one_of(
    st.integers(-9, 9),
    st.integers(),
    st.sampled_from([2**31, 2**53, 2**63, -(2**63), 2**64, 10**400, 2**1100]),
    st.floats(),
    st.sampled_from([1e308, -1e308, 5e-324, 1e-9, 0.1, 1.5]),
)
atoms = st.one_of(st.none(), st.booleans(), numbers, texts, st.binary(max_size=3), st.dates(), st.datetimes())
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | atoms, inner, max_size=4),
    max_leaves=8,
)
"""Any result of a parser: all types, also huge and odd values."""


@st.composite
def bombs(draw: st.DrawFn) -> str:
    """Return YAML that is short, and endless or very deep once its aliases are followed."""
    width, depth = draw(st.integers(2, 12)), draw(st.integers(5, 40))
    kind = draw(st.sampled_from(("list", "mapping", "deep list", "deep mapping", "circle")))
    if kind == "circle":
        return "a: &a\n" + "".join(f"  k{at}: *a\n" for at in range(width))
    if kind.startswith("deep"):
        many = depth * draw(st.sampled_from((1, 10, 100)))
        return "a: " + "[" * many + "]" * many if kind == "deep list" else "a: " + "{b: " * many + "1" + "}" * many
    lines = ["a0: &a0 x"]
    for at in range(1, depth):
        inner = [f"*a{at - 1}"] * width
        body = ", ".join(inner if kind == "list" else [f"k{n}: {one}" for n, one in enumerate(inner)])
        lines.append(f"a{at}: &a{at} " + (f"[{body}]" if kind == "list" else f"{{{body}}}"))
    return "\n".join(lines) + "\n"


def _changed(draw: st.DrawFn, text: str) -> str:
    """Return a text with one change."""
    lines = text.splitlines(keepends=True) or [""]
    at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    place = draw(st.integers(0, len(text)))
    match draw(st.sampled_from(("delete", "double", "swap", "indent", "cut", "put", "replace", "value"))):
        case "delete":
            del lines[at]
        case "double":
            lines.insert(other, lines[at])
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "indent":
            lines[at] = draw(st.sampled_from((" ", "  ", "\t", "- "))) + lines[at]
        case "cut":
            return text[:place]
        case "put":
            return text[:place] + draw(texts) + text[place:]
        case "replace":
            return text[:place] + draw(texts) + text[place + draw(st.integers(1, 12)) :]
        case "value":
            head, colon, _ = lines[at].partition(": ")
            lines[at] = f"{head}{colon}{draw(texts)}\n"
    return "".join(lines)


_encodings = st.sampled_from(("utf-8",) * 8 + ("utf-8-sig", "utf-16", "latin-1"))


@st.composite
def broken_files(draw: st.DrawFn, *originals: str) -> bytes:
    """Return the content of a file: one of some texts with up to three changes, or anything else."""
    match draw(st.sampled_from(("changed",) * 10 + ("text", "bytes"))):
        case "changed":
            text = draw(st.sampled_from(originals))
            for _ in range(draw(st.integers(1, 3))):
                text = _changed(draw, text)
        case "text":
            text = draw(st.text(letters, max_size=60))
        case _:
            return draw(st.binary(max_size=60))
    encoding = draw(_encodings)
    return text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in nested mappings and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], other: Any, *, name: Any = None) -> Any:
    """Return nested mappings and lists with another value at a path, or another key for the same value."""
    if not path:
        return other
    target = value
    for key in path[:-1]:
        target = target[key]
    if name is not None and isinstance(target, dict):
        target[name] = target.pop(path[-1])
    else:
        target[path[-1]] = other
    return value
