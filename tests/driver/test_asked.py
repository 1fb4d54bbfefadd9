"""The keywords of `run` and `resume`: what type checkers know of them is what the functions take."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

import hpsearch
from hpsearch import api
from hpsearch.driver.asked import AskedResume, AskedRun

PAIRS = [(api.run, api.RunOptions, AskedRun), (api.resume, api.ResumeOptions, AskedResume)]


@pytest.mark.parametrize(("function", "options", "asked"), PAIRS)
def test_keywords_have_one_type_and_a_default(function, options, asked):
    assert get_type_hints(options) == get_type_hints(asked)
    first, *shown = inspect.signature(function).parameters.values()
    assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {one.name: one.default for one in shown} == {name: getattr(asked(), name) for name in get_type_hints(asked)}
    explained = inspect.getdoc(options) + inspect.getdoc(api.RunOptions)
    assert [name for name in get_type_hints(asked) if f"{name}: " not in explained] == []


@pytest.mark.parametrize("function", [hpsearch.run, hpsearch.resume])
def test_an_unknown_keyword_is_named(function):
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) got an unexpected keyword argument 'nmae'$"):
        function("cnn", nmae="x")


def test_keywords_are_given_by_name():
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        hpsearch.run("cnn", "x")


def test_the_first_argument_may_be_given_by_name(tmp_path):
    with pytest.raises(hpsearch.InputError, match="no such space file"):
        hpsearch.run(space=tmp_path / "nothing.yaml")
