"""Values merged into TOML files: what is not set stays byte for byte."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import InputError
from hpsearch.system.documents import merge, open_document, place

TEXT = """\
# top
title = "study"   # a comment
seed=0

[optim]           # rates
  lr = 1e-4
  weight-decay   = 0.01
  name = 'adam'
  betas = [0.9,
    0.999] # two
  sgd.momentum = 0.9
  extra = { nesterov = true, "quoted key" = 1 }

[model.head]
sizes = [64, 10]
text = \"\"\"
[not.a.table]
lr = 1
\"\"\"
made = 1979-05-27T07:32:00Z

[[layers]]
width = 8
[[layers]]
width = 16
[layers.last]
width = 4
"""


def merged(key, config, text=TEXT):
    document = open_document(text, "f.toml", "toml")
    return merge(document, place(document, key, config), config).text


@pytest.mark.parametrize(
    ("key", "config", "old", "new"),
    [
        ("optim", {"lr": 5e-4}, "lr = 1e-4", "lr = 5e-4"),
        ("optim", {"weight-decay": 0.00002}, "= 0.01", "= 0.00002"),
        ("optim", {"name": "sgd"}, "'adam'", "'sgd'"),
        ("optim", {"name": "it's"}, "'adam'", '"it\'s"'),
        ("optim", {"betas": [0.8, 0.99]}, "[0.9,\n    0.999]", "[0.8, 0.99]"),
        ("optim", {"sgd.momentum": 0.5}, "momentum = 0.9", "momentum = 0.5"),
        ("optim.sgd", {"momentum": 0.5}, "momentum = 0.9", "momentum = 0.5"),
        ("optim.extra", {"nesterov": False, "quoted key": 2}, 'true, "quoted key" = 1', 'false, "quoted key" = 2'),
        ("optim.extra", {"new": "x"}, '"quoted key" = 1', '"quoted key" = 1, new = "x"'),
        ("optim", {"new": 3}, '"quoted key" = 1 }\n', '"quoted key" = 1 }\n  new = 3\n'),
        ("optim", {"sgd.nesterov": True}, "sgd.momentum = 0.9\n", "sgd.momentum = 0.9\n  sgd.nesterov = true\n"),
        (".", {"seed": 3, "lr": 0.1}, "seed=0\n", "seed=3\nlr=0.1\n"),
        ("model.head", {"sizes": [1]}, "[64, 10]", "[1]"),
        ("model.head", {"a.b": 1, "a.c": 2}, "07:32:00Z\n", "07:32:00Z\na = { b = 1, c = 2 }\n"),
        ("optim", {"betas.1": 0.99}, "0.999]", "0.99]"),
        ("optim", {"lr": 0.0001, "name": "adam"}, "", ""),
    ],
)
def test_only_the_values_change(key, config, old, new):
    assert TEXT.count(old) == 1 or not old
    assert merged(key, config) == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("text", "key", "config", "after"),
    [
        ("", ".", {"lr": 0.1}, "lr = 0.1\n"),
        ("[a]\n", ".", {"lr": 0.1}, "lr = 0.1\n\n[a]\n"),
        ("[a]\n", "a", {"lr": 0.1}, "[a]\nlr = 0.1\n"),
        ("[a]", "a", {"lr": 0.1}, "[a]\nlr = 0.1"),
        ("a = {}\n", "a", {"lr": 0.1}, "a = { lr = 0.1 }\n"),
        ("a = 1\r\n[b]\r\n", "b", {"x": 2}, "a = 1\r\n[b]\r\nx = 2\r\n"),
    ],
)
def test_new_members_get_a_place(text, key, config, after):
    assert merged(key, config, text) == after


@pytest.mark.parametrize(
    ("key", "config", "says"),
    [
        ("layers", {"width": 1}, "layers is an array of tables"),
        ("none", {"x": 1}, "has no key 'none'; allowed: optim, model, layers, title, seed"),
        ("optim.lr", {"x": 1}, "is '1e-4'; allowed: a mapping"),
        ("model", {"x": 1}, "no header of its own"),
        ("optim", {"lr": None}, "null, which TOML does not have"),
        ("optim", {"sgd": 1}, "sgd is a mapping"),
        ("optim", {"sgd": {"momentum": 1}}, "sgd is a table"),
    ],
)
def test_what_has_no_place_is_refused(key, config, says):
    with pytest.raises(InputError, match=r"f\.toml") as raised:
        merged(key, config)
    assert says in str(raised.value)


def test_invalid_toml_names_its_line():
    with pytest.raises(InputError, match=r"f\.toml:2: not valid TOML"):
        merged(".", {}, "a = 1\nb = = 2\n")


def test_a_nested_name_needs_its_mapping():
    names = ["sgd.momentum", "sgd.eps", "adam.eps", "name.x"]
    placing = place(open_document(TEXT, "f.toml", "toml"), "optim", dict.fromkeys(names, 1))
    assert list(placing.there) == ["sgd.momentum"]
    assert {name: gap.keys for name, gap in placing.gaps.items()} == {"sgd.eps": ("eps",), "adam.eps": ("adam", "eps")}
    assert placing.nowhere == {"name.x": "optim.name is \"'adam'\""}


scalars = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(["optim", ".", "model.head", "optim.sgd", "optim.extra"]),
    config=st.dictionaries(
        st.one_of(st.sampled_from(["lr", "seed", "name", "sizes"]), st.text(st.characters(codec="utf-8"))),
        values,
        max_size=4,
    ),
)
def test_a_reader_gets_what_was_set_and_all_else_as_before(key, config):
    before, place = tomllib.loads(TEXT), tomllib.loads(TEXT)
    target = place
    for part in [] if key == "." else key.split("."):
        target = target[part]
    if key == "." and {"optim", "model", "layers"} & set(config):
        return
    if any("." in name and name != "sgd.momentum" for name in config):
        return  # it makes tables
    try:
        text = merged(key, config)
    except InputError:
        assert "sgd.momentum" in config or {"sgd", "extra"} & set(config)
        return
    for name, value in config.items():
        if name == "sgd.momentum":
            return
        target[name] = value
    assert repr(sorted_items(tomllib.loads(text))) == repr(sorted_items(place))
    if not config:
        assert tomllib.loads(text) == before


def sorted_items(value):
    if isinstance(value, dict):
        return sorted((key, sorted_items(item)) for key, item in value.items())
    return value
