"""Hypothesis strategies for constraints: expressions with their values, and texts that are hardly expressions.

The value of an expression comes from thunks that grow with its text, so nothing is parsed.
"""

from __future__ import annotations

import math
import operator

from hypothesis import strategies as st

from support import strategies

NUMBERS = st.one_of(st.integers(-20, 20), st.floats(-1e3, 1e3), st.sampled_from([0, 1, -1, 1e-300, 1e300, 2**53 - 1]))
CONFIGS = st.fixed_dictionaries(
    {
        "lr": NUMBERS,
        "n": NUMBERS,
        "optimizer.lr": NUMBERS,
        "optimizer": st.sampled_from(["sgd", "adamw"]),
        "amp": st.booleans(),
        "depth": st.sampled_from([None, 4, "auto"]),
    }
)
BINARY = {"+": (1, operator.add), "-": (1, operator.sub), "*": (2, operator.mul), "/": (2, operator.truediv)}
BINARY |= {"//": (2, operator.floordiv), "%": (2, operator.mod), "**": (4, operator.pow)}
CALLS = {"abs": abs, "log": math.log, "log2": math.log2, "log10": math.log10, "exp": math.exp, "sqrt": math.sqrt}
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class UndefinedError(Exception):
    """There is no such number."""


def checked(compute, *operands):
    try:
        result = compute(*operands)
    except (ArithmeticError, ValueError) as error:
        raise UndefinedError from error
    if isinstance(result, complex) or not math.isfinite(result):
        raise UndefinedError
    return result


def wrapped(part, level):
    """The text, in parentheses if it binds too loosely."""
    text, own, _ = part
    return text if own >= level else f"({text})"


def _binary(left, sign, right):
    level, compute = BINARY[sign]
    sides = (5, 3) if sign == "**" else (level, level + 1)  # ** groups from the right, and takes a sign there
    text = f"{wrapped(left, sides[0])} {sign} {wrapped(right, sides[1])}"
    return text, level, lambda c: checked(compute, left[2](c), right[2](c))


def _negative(part):
    return f"-{wrapped(part, 3)}", 3, lambda c: -part[2](c)


def _call(name, part):
    return f"{name}({part[0]})", 5, lambda c: checked(CALLS[name], part[2](c))


def _extreme(name, parts):
    pick = {"min": min, "max": max}[name]
    return f"{name}({', '.join(p[0] for p in parts)})", 5, lambda c: pick([p[2](c) for p in parts])


NAMED = st.sampled_from(["lr", "n", "optimizer.lr"]).map(lambda name: (name, 5, lambda c: float(c[name])))
LITERALS = st.one_of(st.integers(0, 30), st.floats(0, 1e300)).map(lambda x: (repr(x), 5, lambda _: float(x)))
ARITHMETIC = st.recursive(
    st.one_of(NAMED, LITERALS),
    lambda parts: st.one_of(
        st.builds(_binary, parts, st.sampled_from(list(BINARY)), parts),
        st.builds(_negative, parts),
        st.builds(_call, st.sampled_from(list(CALLS)), parts),
        st.builds(_extreme, st.sampled_from(["min", "max"]), st.lists(parts, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def _chain(first, rest):
    def test(c):
        left = first[2](c)
        for sign, part in rest:
            right = part[2](c)
            if not COMPARE[sign](left, right):
                return False
            left = right
        return True

    text = " ".join([wrapped(first, 1), *(f"{sign} {wrapped(part, 1)}" for sign, part in rest)])
    return text, 3, test


def _scalar(name, sign, scalar):
    text = {None: "null", True: "true", False: "false"}.get(scalar, repr(scalar))
    return f"{name} {sign} {text}", 3, lambda c: (type(c[name]) is type(scalar) and c[name] == scalar) is (sign == "==")


SCALARS = {"optimizer": ["sgd", "adamw"], "amp": [True, False], "depth": [None, 4, "auto"]}
COMPARISONS = st.one_of(
    st.builds(
        _chain, ARITHMETIC, st.lists(st.tuples(st.sampled_from(list(COMPARE)), ARITHMETIC), min_size=1, max_size=3)
    ),
    st.sampled_from([(name, scalar) for name, scalars in SCALARS.items() for scalar in scalars]).flatmap(
        lambda pair: st.sampled_from(["==", "!="]).map(lambda sign: _scalar(pair[0], sign, pair[1]))
    ),
)


def _joined(word, left, right):
    level = {"or": 0, "and": 1}[word]
    decides = word == "or"
    text = f"{wrapped(left, level)} {word} {wrapped(right, level)}"
    return text, level, lambda c: left[2](c) if left[2](c) is decides else right[2](c)


TRUTHS = st.recursive(
    COMPARISONS,
    lambda parts: st.one_of(
        st.builds(_joined, st.sampled_from(["and", "or"]), parts, parts),
        parts.map(lambda part: (f"not {wrapped(part, 2)}", 2, lambda c: not part[2](c))),
    ),
    max_leaves=3,
)

WORDS = ("lr", "n", "optimizer.lr", *SCALARS, *BINARY, *COMPARE, *CALLS)
KEYWORDS = ("and", "or", "not", "in", "is", "if", "else", "for", "lambda", "true", "null", "None", "await", "yield")
PIECES = (*"()[]{},.:'\"\\\n\t#;@~01", "f'", ":=", "1e9", "0x", "1j")
ARBITRARY = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(strategies.names, st.sampled_from((*WORDS, *KEYWORDS, *PIECES))), max_size=14).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)
