"""Formulas: arithmetic in text."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import FieldError
from hpsearch.space.formulas import parse_formula

PATH = ("objective", "command")
VALUES = {
    "epochs": [1],
    "lr": [0.1],
    "optimizer.wd": [0.5],
    "layers": [1, 2],
    "mixed": [1, "auto"],
    "amp": [True, False],
    "batch-size": [8],
}


def formula(text):
    return parse_formula(text, VALUES, PATH)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20 * epochs", 60.0),
        (" max(1, epochs // 2) - -1 ", 2.0),
        ("lr * optimizer.wd", 0.05),
        ("round(2.6) + int(2.6) + floor(2.6) + ceil(2.2)", 10.0),
        ("2 ** layers % 3", 1.0),
    ],
)
def test_a_formula_is_a_number_of_the_values(text, number):
    found = formula(text).value({"epochs": 3, "lr": 0.1, "optimizer.wd": 0.5, "layers": 2})
    assert found == pytest.approx(number)
    assert isinstance(found, float)


def test_a_formula_names_what_it_reads_in_the_order_of_the_text():
    assert formula("lr * epochs + lr").names == ("lr", "epochs")
    assert formula("2 * 3").names == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty; allowed: arithmetic"),
        ("20 *", "breaks off; allowed: arithmetic"),
        ("epochs > 3", "is a comparison, where a number or a parameter is needed; allowed: arithmetic"),
        ("20 * epohcs", "unknown name 'epohcs'"),
        ("20 * epohcs", "did you mean 'epochs'?"),
        ("2 * amp", "'amp' is true or false; allowed: numbers here"),
        ("2 * mixed", "mixed may be 'auto'; allowed: numbers here"),
        ("'a' + 1", "is text; allowed: numbers here"),
        ("sum(lr, 1)", "not a function that can stand here"),
        ("2 * batch-size", "the name 'batch-size' can't stand in an expression"),
        ("epochs.__class__", "unknown name"),
        ("2 ^ epochs", "did you mean '**'?"),
        ("lr if epochs else 1", "is not allowed; allowed: arithmetic"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text, says):
    with pytest.raises(FieldError) as caught:
        formula(text)
    assert says in str(caught.value)
    assert caught.value.path == PATH


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 / (epochs - 3)", "is no number with epochs = 3: "),
        ("log(-1)", "log(-1) is no number: "),
        ("1e308 * epochs", "beyond a float's range"),
        ("sqrt(0 - epochs)", "is no number with epochs = 3"),
    ],
)
def test_a_number_that_does_not_exist_is_named_with_its_values(text, says):
    with pytest.raises(ValueError, match="is no number") as caught:
        formula(text).value({"epochs": 3})
    assert says in str(caught.value)


@given(st.text())
def test_any_text_is_a_formula_or_refused(text):
    try:
        found = formula(text)
    except FieldError:
        return
    with suppress(ValueError):
        assert math.isfinite(found.value({"epochs": 3, "lr": 0.1, "optimizer.wd": 0.5, "layers": 2}))
