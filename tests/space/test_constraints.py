"""Constraints: safe arithmetic on parameters, and one clear message for anything else."""

from __future__ import annotations

import ast
import inspect
import math

import pytest
from hypothesis import example, given

from hpsearch.errors import FieldError
from hpsearch.space import constraints, expressions, kinds
from hpsearch.space.constraints import parse_constraint
from support.expressions import ARBITRARY, CONFIGS, TRUTHS, UndefinedError

PATH = ("constraints", 0)
VALUES = {
    "lr": (1e-4,),
    "n": (1,),
    "optimizer.lr": (0.1,),
    "optimizer": ("sgd", "adamw"),
    "model": ("small",),
    "depth": (None, 4, "auto"),
    "amp": (True, False),
}
CONFIG = {"lr": 0.5, "n": 3, "optimizer.lr": 0.1, "optimizer": "sgd", "model": "small", "depth": 4, "amp": True}


def parse(text, values=VALUES):
    return parse_constraint(text, values, PATH)


def holds(text, **changes):
    return parse(text).holds(CONFIG | changes)


def refusal(text, values=VALUES):
    with pytest.raises(FieldError) as caught:
        parse(text, values)
    assert caught.value.path == PATH
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "lr * optimizer.lr <= 0.05",
        "-2 ** 2 == -4",
        "2 ** 3 ** 2 == 512",
        "(-8) ** 3 == -512",
        "-7 // 2 == -4 and -7 % 3 == 2",
        "2 + 3 * 4 == 14 and (2 + 3) * 4 == 20",
        "12 / 4 / 3 == 1 and 12 - 4 - 3 == 5",
        "1 < n <= 3 != 4 > lr >= 0",
        "not n == 4 and n == 3",
        "n == 3 or n == 4 and n == 5",
        "not (n == 4 or n == 5)",
        "+n == - -3",
        "optimizer == 'sgd' and optimizer != \"adamw\"",
        "'sgd' == optimizer",
        "amp == true and amp != false",
        "depth == 4 and depth != null and depth != 'auto'",
        "depth * 2 == n + 5",
        "min(n, lr, 7) == lr and max(n, lr) == n and abs(-n) == 3",
        "log(exp(n)) == 3 and log2(8) == 3 and log10(1e3) == n and sqrt(9) == n",
        "0x10 == 16 and 1_000 == 1e3 and .5 == lr",
        "(n) == 3  # as in Python",
        "  n == 3  ",
        "n == 3or n == 4",  # which Python warns about
    ],
)
def test_holds_as_written(text):
    assert holds(text)
    assert not holds(f"not ({text.partition('#')[0]})")


def test_names_are_those_that_it_reads_in_the_order_of_the_text():
    constraint = parse("optimizer.lr < lr or amp == true or lr > min(n, 1)")
    assert constraint.names == ("optimizer.lr", "lr", "amp", "n")
    assert constraint.text == "optimizer.lr < lr or amp == true or lr > min(n, 1)"


def test_a_name_that_is_a_function_is_both():
    assert parse("log(log) > 1", {"log": (8.0,)}).holds({"log": 8.0})


def test_equal_texts_make_equal_constraints():
    assert parse("lr < 1") == parse(" lr < 1 ") != parse("lr < 2")
    assert "0x" not in repr(parse("lr < 1"))


@pytest.mark.parametrize(
    "text", ["lr > 9", "n == 3 and lr > 9", "n == 4 and lr > 9", "not lr < 9", "0 < n < lr", "1 / lr < 0"]
)
def test_holds_if_a_name_is_absent(text):
    without = {name: value for name, value in CONFIG.items() if name != "lr"}
    assert parse(text).holds(without)
    assert not parse(text).holds(CONFIG)


@pytest.mark.parametrize(
    "value",
    [
        "1 / (n - 3)",
        "1 // (n - 3)",
        "1 % (n - 3)",
        "(n - 3) ** -1",
        "(-n) ** 0.5",
        "1e308 * 10",
        "1e308 + 1e308",
        "1 / (1e308 * 10)",
        "-1e308 - 1e308",
        "1e308 // 1e-308",
        "10 ** 10 ** 10",
        "9 ** 9 ** 9 ** 9",
        "exp(1000)",
        "log(n - 3)",
        "log(-n)",
        "log2(-n)",
        "log10(0)",
        "sqrt(-n)",
    ],
)
def test_does_not_hold_where_there_is_no_number(value):
    assert not holds(f"{value} < 1")
    assert not holds(f"{value} >= 1")
    assert not holds(f"not {value} == 1")
    assert holds(f"n == 3 or {value} < 1")
    assert not holds(f"n == 4 and {value} < 1")


@pytest.mark.parametrize("value", [None, "auto", "5", True, math.nan, math.inf, 10**400])
def test_does_not_hold_where_a_value_is_no_number(value):
    assert not holds("depth < 6", depth=value)
    assert not holds("not depth < 6", depth=value)
    assert not holds("n != 5", n=value)


def test_a_value_of_another_type_is_not_equal():
    assert holds("depth != 4", depth=None)
    assert holds("depth == null", depth=None)
    assert not holds("depth == 4", depth="4")
    assert not parse("x == 1", {"x": (1, True)}).holds({"x": True})
    assert not parse("x == true", {"x": (1, True)}).holds({"x": 1})


def test_a_guard_keeps_null_from_arithmetic():
    guarded = "depth == null or depth == 'auto' or depth < 6"
    assert [holds(guarded, depth=value) for value in (None, "auto", 5, 7)] == [True, True, True, False]


def test_integers_are_exact_below_2_to_the_53():
    top = 2**53
    assert holds(f"n == {top - 1}", n=top - 1)
    assert not holds(f"n == {top - 1}", n=top - 2)
    assert holds(f"n + 1 == {top}", n=top - 1)


@pytest.mark.parametrize(
    ("text", "problem", "allowed", "near"),
    [
        ("", "is empty", "comparisons", ""),
        ("  ", "is empty", "comparisons", ""),
        ("lr < " + "1" * 500, "505 characters", "at most 500", ""),
        ("-" * 60 + "n < 1", "nested too deeply", "50 levels", ""),
        ("n < " + "+".join("1" * 60), "nested too deeply", "50 levels", ""),
        ("(" * 240 + "n" + ")" * 240 + " < 1", "can't be read", "comparisons", ""),
        ("lr = 1", "can't be read from '= 1' on", "< <= > >=", ""),
        ("lr <", "breaks off", "comparisons", ""),
        ("lr < 1\nn < 2", "can't be read", "comparisons", ""),
        ("lr < 1 && n < 2", "can't be read from '& n < 2' on", "and or not", ""),
        ("\x00", "can't be read", "comparisons", ""),
        ("\ud800 < 1", "can't be read", "comparisons", ""),
        ("n < 1e999", "'1e999' is too large", "numbers up to", ""),
        ("n < 1" + "0" * 400, "is too large", "numbers up to", ""),
        ("lr * optimiser.lr < 1", "unknown name 'optimiser.lr'", "lr, n, optimizer.lr", "optimizer.lr"),
        ("lr.real < 1", "unknown name 'lr.real'", "lr, n", ""),
        ("lrr < 1", "unknown name 'lrr'", "lr, n", "lr"),
        ("optimizer == sgd", "sgd is a choice", "text in quotes, 'sgd'", ""),
        ("optimizer == 'sdg'", "\"'sdg'\" is no choice of optimizer", "'sgd', 'adamw'", "sgd"),
        ("'adam' != optimizer", "\"'adam'\" is no choice of optimizer", "'sgd', 'adamw'", "adamw"),
        ("depth == 'autos'", "is no choice of depth", "'auto'", "auto"),
        ("log < 1", "log is a function", "log(...)", ""),
        ("lr * 2", "'lr * 2' is a number, not a comparison", "comparisons", ""),
        ("lr < 1 or 3", "'3' is a number, not a comparison", "comparisons", ""),
        ("'sgd'", "is text, not a comparison", "comparisons", ""),
        ("not amp", "'amp' is true or false, not a comparison", "amp == true", ""),
        ("true", "is true or false, not a comparison", "true == true", ""),
        ("optimizer * 2 < 1", "'optimizer' is text", "numbers", ""),
        ("'a' + 'b' == optimizer", "\"'a'\" is text", "numbers", ""),
        ("optimizer < 'sgd'", "'optimizer' is text", "numbers", ""),
        ("-amp < 1", "'amp' is true or false", "numbers", ""),
        ("null < 1", "'null' is null", "numbers", ""),
        ("abs(model) < 1", "'model' is text", "numbers", ""),
        ("optimizer == 3", "'optimizer' is text, and '3' is a number", "one type", ""),
        ("amp == 1", "'amp' is true or false, and '1' is a number", "one type", ""),
        ("lr == null", "'lr' is a number, and 'null' is null", "one type", ""),
        ("depth == true", "'depth' is a number or text or null, and", "one type", ""),
        ("(lr < 1) < 2", "'lr < 1' is a comparison, where a number", "and, or, not", ""),
        ("(lr < 1) == (n < 1)", "'lr < 1' is a comparison, where a number", "and, or, not", ""),
        ("lr + (not n < 1) < 2", "'not n < 1' is a comparison, where a number", "and, or, not", ""),
        ("optimizer in ['sgd']", "'optimizer' and \"['sgd']\" have in or is between them", "== !=", ""),
        ("lr is not n", "have in or is between them", "== !=", ""),
        ("lr ^ 2 < 1", "'lr ^ 2' has an unknown operator", "**", "**"),
        ("tanh(lr) < 1", "'tanh' is not a function", "min, max, abs, log", ""),
        ("math.log(lr) < 1", "'math.log' is not a function", "min, max, abs, log", "log"),
        ("squrt(lr) < 1", "'squrt' is not a function", "min, max, abs, log", "sqrt"),
        ("lr(1) < 1", "'lr' is not a function", "min, max, abs, log", ""),
        ("log(lr, 2) < 1", "'log(lr, 2)' has the wrong arguments", "log(A)", ""),
        ("log() < 1", "'log()' has the wrong arguments", "log(A)", ""),
        ("min(lr) < 1", "'min(lr)' has the wrong arguments", "min(A, B, ...)", ""),
        ("min(lr, n, key=n) < 1", "has the wrong arguments", "min(A, B, ...)", ""),
        ("amp == True", "'True' is not allowed", "comparisons", "true"),
        ("depth == None", "'None' is not allowed", "comparisons", "null"),
    ],
)
def test_refuses_with_the_part_and_what_is_allowed(text, problem, allowed, near):
    error = refusal(text)
    assert problem in error.problem
    assert allowed in error.allowed
    assert error.near == near


@pytest.mark.parametrize(
    "part",
    [
        "lr.__class__",
        "().__class__",
        "'a'.upper",
        "(1).real",
        "'sgd'.upper()",
        "__import__('os')",
        "open('x')",
        "eval('1')",
        "abs.__call__(1)",
        "(lambda: 1)()",
        "lambda: 1",
        "[n for n in lr]",
        "{n for n in lr}",
        "{n: 1 for n in lr}",
        "sum(n for n in lr)",
        "(n := 3)",
        "f'{lr}'",
        "f'sgd'",
        "lr[0]",
        "lr[0:1]",
        "[1, 2]",
        "(1, 2)",
        "{1: 2}",
        "{1}",
        "min(*lr)",
        "min(lr, *lr)",
        "min(lr, 1, **lr)",
        "1 if lr < 1 else 2",
        "1j",
        "b'a'",
        "...",
        "~n",
        "n << 3",
        "n >> 3",
        "n & 1",
        "n | 1",
        "lr @ n",
        "`lr`",
        "yield",
        "(yield n)",
        "await lr",
        "*lr",
    ],
)
def test_lets_nothing_else_of_python_through(part):
    for text in (
        part,
        f"({part}) < 1",
        f"optimizer == ({part})",
        f"abs({part}) < 1",
        f"lr < 1 or ({part})",
        f"lr + ({part}) < 1",
    ):
        refusal(text)


def test_the_parser_of_python_is_all_of_it_that_is_used():
    trees = [ast.parse(inspect.getsource(module)) for module in (constraints, expressions, kinds)]
    calls = [node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {ast.unparse(call).rpartition(".")[2] for call in calls}
    assert "parse" in called
    assert not called & {"eval", "exec", "compile", "literal_eval", "getattr", "__import__"}


@pytest.mark.parametrize(
    "name", ["weight-decay", "lambda", "model.class", "layers.0.lr", "learning rate", "null", "µ", "2lr"]
)
def test_says_which_names_cannot_be_used(name):
    error = refusal(f"lr * {name} < 1", {"lr": (0.1,), name: (1.0,)})
    assert f"the name {name!r} can't stand in an expression" in error.problem
    assert "rename it" in error.allowed
    assert parse("lr < 1", {"lr": (0.1,), name: (1.0,)}).names == ("lr",)


def test_a_difference_is_no_name_with_a_hyphen():
    values = {"weight": (1.0,), "decay": (1.0,), "weight-decay": (1.0,)}
    assert parse("weight - decay < 1", values).names == ("weight", "decay")


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**400, (1, 2)])
def test_refuses_a_constant_that_is_no_scalar_or_not_finite(value):
    assert "x is no finite number" in refusal("x < 1", {"x": (value,)}).problem
    assert "x is no finite number" in refusal("x == x", {"x": (value,)}).problem


def test_a_constant_may_be_compared_with_text_that_it_is_not():
    assert not holds("model == 'large'")
    assert holds("model == 'large'", model="large")


@given(TRUTHS.filter(lambda truth: len(truth[0]) <= 500), CONFIGS)
def test_agrees_with_another_evaluator(truth, config):
    text, _, evaluate = truth
    try:
        expected = evaluate(config)
    except UndefinedError:
        expected = False
    constraint = parse(text)
    assert constraint.holds(config) is expected
    for name in constraint.names:
        assert constraint.holds({other: value for other, value in config.items() if other != name}) is True


@given(ARBITRARY)
@example("'\\d' == optimizer")
@example("1if lr else 2")
@example("0_ < 1")
@example("\ufeffn < 1")
@example("n < 1\r\f\n")
@example("(" * 499)
@example("-" * 499 + "1")
@example("not " * 124 + "n")
@example("n<" * 249 + "n")
@example("1" * 500)
@example("lr.lr" + ".lr" * 160)
@example("'" + "\\N{DIGIT ONE}" * 3 + "' == optimizer")
def test_arbitrary_text_is_a_constraint_or_one_error(text):
    try:
        constraint = parse(text)
    except FieldError as error:
        complete = error.path == PATH and error.problem and error.allowed
    else:
        complete = constraint.holds(CONFIG) in (True, False) and set(constraint.names) <= set(VALUES)
    assert complete
