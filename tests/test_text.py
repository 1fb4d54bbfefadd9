import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.objectives.space_files import parse_config
from hpsearch.space.display import params_line, short_params
from hpsearch.text import clean, counted, format_duration, format_value, value_format
from support.studies import RAW, config


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0.0 s"),
        (0.04, "0.0 s"),
        (9.949, "9.9 s"),
        (9.95, "10 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (599.7, "10 min"),
        (3599, "1 h"),
        (6600, "1 h 50 min"),
        (86399, "1 d"),
        (7 * 86400 + 3 * 3600, "7 d 3 h"),
        (math.inf, "unknown time"),
        (math.nan, "unknown time"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.97314, "0.9731"),
        (0, "0.0000"),
        (-1.5, "-1.5000"),
        (0.0012345, "0.001234"),
        (123.456, "123.4560"),
        (12345.678, "12345.68"),
        (1e12, "1.0000e+12"),
        (2e-7, "2.0000e-07"),
        (None, "-"),
        (math.nan, "nan"),
    ],
)
def test_a_value_has_four_significant_decimals(value, text):
    assert format_value(value) == text


def test_decimals_grow_until_neighbours_differ_and_no_further():
    written = value_format([0.97121, 0.97120, 0.97120, 0.5, None, math.nan])
    assert [written(v) for v in (0.97121, 0.97120, 0.5)] == ["0.97121", "0.97120", "0.50000"]
    assert value_format([0.3, 0.1 + 0.2])(0.3) == "0.30000000"


@given(st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 6) + 0.0), min_size=1, max_size=6))
def test_values_that_differ_look_different(values):
    written = value_format(values)
    assert len({written(value) for value in values}) == len(set(values))


def test_params_are_short_and_leave_out_constants_and_name_choices():
    line = params_line(
        config().space, {"lr": 0.0012, "batch_size": 32, "head": [256, 64], "dropout": 0.123456, "optimizer": "adamw"}
    )
    assert line == "lr=1.2e-03 batch_size=32 head=large dropout=0.123"


def test_params_of_every_type_of_choice():
    space = parse_config(RAW | {"space": {"a": {"choice": [True, None, "x" * 40, 7]}, "b": {"uniform": [0, 1]}}}).space
    texts = [short_params(space, {"a": value})["a"] for value in (True, None, "x" * 40, 7)]
    assert texts == ["true", "null", "x" * 23 + "…", "7"]


def test_clean_removes_what_moves_a_terminal_and_keeps_lines():
    assert clean("\x1b[2J\x1b]0;title\x07a\tb\nc\r\x00\x1b[31md\x1b[0m\x9b") == "a\tb\ncd"


def test_counted():
    assert (counted(1, "trial"), counted(0, "trial")) == ("1 trial", "0 trials")
