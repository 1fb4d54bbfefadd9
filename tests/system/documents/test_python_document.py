"""Values set in the module-level assignments of Python files: what is not set stays byte for byte."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import InputError
from hpsearch.export import plan_export
from hpsearch.export.read import read_config
from hpsearch.export.write import Place
from hpsearch.space.parsing import parse_space
from hpsearch.system.documents import find_places, merge, open_document

SCRIPT = '''\
#!/usr/bin/env python3
"""Größe: lr = 1"""
import os; from math import pi as tau
learning_rate = 6e-4 # max learning rate
weight_decay: float = 1e-1
betas = 0.9, 0.95
betas_too = (0.9,
    0.95,)  # two lines
name = "adam"; größe = 3;	tabbed	=	'x'
text = \'\'\'
learning_rate = 1
\'\'\'
max_lr: float
half = learning_rate / 2
optimizer = dict(type='SGD', lr=0.02,  # detection's way
                 paramwise_cfg=dict(norm_decay_mult=0.))
model = {'depth': (18), "heads": [dict(classes=80), {}],}
def train():
    learning_rate = 1
    global best
    best = 2
class Config:
    dropout = 0.1
a = b = 1
(c, d) = 1, 2
best = 0
if os.environ.get("FAST"):
    steps = 10
else:
    steps = 1000
model_2 = {"x": 1}
model_2["x"] = 2
[gamma for gamma in range(3)]
exec(open('configurator.py').read()) # overrides from the command line
'''


def merged(config, text=SCRIPT, key="."):
    document = open_document(text, "f.py", "python-assign")
    return merge(document, find_places(document, key, config), config)


@pytest.mark.parametrize(
    ("config", "old", "new"),
    [
        ({"learning_rate": 3e-4}, "6e-4 #", "3e-4 #"),
        ({"weight_decay": 0.05}, "float = 1e-1", "float = 5e-2"),
        ({"betas": [0.8, 0.99]}, "0.9, 0.95\nbetas_too", "(0.8, 0.99)\nbetas_too"),
        ({"betas_too": [0.8]}, "(0.9,\n    0.95,)", "(0.8,)"),
        ({"betas_too.1": 0.99}, "0.95,)", "0.99,)"),
        ({"name": "sgd"}, '"adam"', '"sgd"'),
        ({"name": 'a"b'}, '"adam"', "'a\"b'"),
        ({"größe": 4}, "größe = 3", "größe = 4"),
        ({"tabbed": "y"}, "'x'", "'y'"),
        ({"text": "one"}, "'''\nlearning_rate = 1\n'''", "'one'"),
        ({"half": 0.5}, "learning_rate / 2", "0.5"),
        ({"half": None}, "learning_rate / 2", "None"),
        ({"half": float("-inf")}, "learning_rate / 2", 'float("-inf")'),
        ({"optimizer.lr": 0.04}, "0.02", "0.04"),
        ({"optimizer.paramwise_cfg.norm_decay_mult": 1}, "mult=0.", "mult=1"),
        ({"optimizer.momentum": 0.9}, "mult=0.)", "mult=0.), momentum=0.9"),
        ({"model.depth": 34}, "(18)", "(34)"),
        ({"model.heads.0.classes": 20}, "80", "20"),
        ({"model.heads.1.x": 1, "model.new": True}, "{}],}", "{'x': 1}], \"new\": True,}"),
        ({"gamma": 0.9, "dropout": 0.5}, '{"x": 1}\n', '{"x": 1}\ngamma = 0.9\ndropout = 0.5\n'),
        ({"betas": [0.9, 0.95], "learning_rate": 0.0006}, "", ""),
    ],
)
def test_only_the_values_change(config, old, new):
    assert not old or SCRIPT.count(old) == 1
    if "gamma" in config:  # after the last assignment of the module
        old, new = 'model_2["x"] = 2\n', 'model_2["x"] = 2\ngamma = 0.9\ndropout = 0.5\n'
    assert merged(config).text == SCRIPT.replace(old, new)


def test_an_expression_that_is_replaced_is_said():
    assert merged({"half": 0.5, "name": "x"}).replaced == {"half": "learning_rate / 2"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a", "not set by a plain assignment, in line 24"),
        ("c", "not set by a plain assignment"),
        ("best", "set or changed a second time"),
        ("steps", "set or changed a second time"),
        ("model_2", "set or changed a second time"),
        ("model_2.x", "set or changed a second time, in line 32"),
        ("train", "not set by a plain assignment"),
        ("tau", "not set by a plain assignment"),
        ("name.x", "name is '\"adam\"'"),
    ],
)
def test_what_is_no_plain_assignment_has_no_place(name, says):
    placing = find_places(open_document(SCRIPT, "f.py", "python-assign"), ".", {name: 5})
    assert says in placing.nowhere[name]


@pytest.mark.parametrize(
    "text",
    [
        "for lr in (1, 2): pass\nlr = 3\n",
        "lr = 1\nlr *= 2\n",
        "lr = 1\nwith f() as lr: pass\n",
        "lr = 1\ntry: pass\nexcept E as lr: pass\n",
        "lr = 1\ndel lr\n",
        "lr = 1\nprint(lr := 2)\n",
        "lr = 1\n[lr := x for x in y]\n",
        "lr = 1\nfrom x import lr\n",
        "lr = 1\nimport lr.b\n",
        "lr = 1\ndef lr(): pass\n",
        "lr = 1\nmatch x:\n    case [lr, *_]: pass\n",
        "lr = 1\nmatch x:\n    case {'a': 1, **lr}: pass\n",
        "lr = {}\nlr.update(a=1)\n",
        "lr = {'a': {}}\nlr['a']['b'] = 1\n",
        "lr = f()\nlr.x = 1\n",
        "lr, b = 1, 2\n",
        "lr = (lr := 3)\n",
    ],
)
def test_a_name_that_is_set_twice_or_in_another_way_is_left_alone(text):
    assert "lr" in find_places(open_document(text, "f.py", "python-assign"), ".", {"lr": 5}).nowhere


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    lr = 3\nlr = 1\n",
        "lr: float\nlr = 1\n",
        "x = [lr for lr in y]\nlr = 1\n",
        "class A:\n    lr = 2\nlr = 1\n",
        "f = lambda lr: lr\nlr = 1",
        "lr = 1; lr_2 = lr",
        "\\\nlr = \\\n  1\n",
        "\x0clr = 1\n",
        "x = 'a\\db'\nlr = 1\n",
    ],
)
def test_other_scopes_do_not_count(text):
    assert merged({"lr": 5}, text).text == (text[::-1].replace("1", "5", 1))[::-1]


def test_dictionaries_that_take_from_elsewhere_are_left_alone():
    for text in ("m = dict(base, lr=1)\n", "m = dict(lr=1, **base)\n", "m = {'lr': 1, **base}\n"):
        placing = find_places(open_document(text, "f.py", "python-assign"), ".", {"m.lr": 5})
        assert "m takes members from elsewhere, in line 1" in placing.nowhere["m.lr"]
    assert merged({"m": 5}, "m = [*a, 1]\n").text == "m = 5\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lr = = 1\n", r"f\.py:1: not valid Python"),
        ("a = 1\n\nif\n", r"f\.py:3: not valid Python"),
        ("lr = 1\0", "not valid Python"),
        ("(" * 3000, "not valid Python|nested too deeply"),
    ],
)
def test_what_is_no_python_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        merged({"lr": 1}, text)


def test_only_names_are_added():
    with pytest.raises(InputError, match=r"'a b' is no name that Python can assign"):
        merged({"a b": 1})
    with pytest.raises(InputError, match=r"'class' is no name"):
        merged({"optimizer.class": 1})
    with pytest.raises(InputError, match=r"has no assignment to add one after"):
        merged({"lr": 1}, "import os\n")


@pytest.mark.parametrize(
    "content",
    [
        "# -*- coding: latin-1 -*-\nname = 'größe'; lr = 1e-3\n".encode("latin-1"),
        "\ufeffname = 'größe'; lr = 1e-3\r\nx = 1\r\n".encode(),
        b"\tlr = 1\n".lstrip() + "name = 'größe'\n".encode(),
        "# vim: set fileencoding=utf-8 :\nname = 'größe'\rlr = 1e-3\r".encode(),
    ],
)
def test_encodings_and_line_breaks_stay(tmp_path, content):
    path = tmp_path / "config.py"
    path.write_bytes(content)
    plan_export({"lr": 0.25, "name": "ä"}, path, Place(format="python-assign"), provenance={}).write()
    after = path.read_bytes()
    space = parse_space({"lr": {"uniform": [0.0, 1.0]}, "name": {"choice": ["ä", "größe"]}})
    assert read_config(path, ".", {}, space) == {"lr": 0.25, "name": "ä"}
    encoding = "latin-1" if b"latin" in content else "utf-8"
    old, new = content.decode(encoding), after.decode(encoding)
    assert new == old.replace("größe", "ä").replace("1e-3", "2.5e-1").replace("lr = 1\n", "lr = 0.25\n")
    values = {}
    exec(compile(after, "config.py", "exec"), values)  # noqa: S102 - what was written
    assert (values["lr"], values["name"]) == (0.25, "ä")


def test_a_file_in_no_known_encoding_is_refused(tmp_path):
    path = tmp_path / "config.py"
    for content in (b"# coding: nonsense\nlr = 1\n", b"lr = 1 # \xff\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="allowed: text in UTF-8"):
            plan_export({"lr": 2}, path, Place(format="python-assign"), provenance={})
    path.write_bytes("# coding: latin-1\nlr = 'ü'\n".encode("latin-1"))
    with pytest.raises(InputError, match="iso-8859-1, which has no '學'"):
        plan_export({"lr": "學"}, path, Place(format="python-assign"), provenance={})


def test_the_suffix_says_so_where_a_file_is_merged_into(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("lr = 1e-3  # mine\n")
    with pytest.raises(InputError, match="is there already"):
        plan_export({"lr": 0.25}, path, provenance={})
    plan_export({"rate": 0.25}, path, Place(names={"rate": "lr"}), provenance={}).write()
    assert path.read_text() == "lr = 2.5e-1  # mine\n"
    with pytest.raises(InputError, match="is there already"):
        plan_export({"rate": 0.25}, path, Place(names={"rate": "lr"}, format="python"), provenance={})


def test_a_new_file_has_assignments(tmp_path):
    path = tmp_path / "new.py"
    plan_export({"lr": 1e-5, "betas": [0.9, 1]}, path, Place(format="python-assign"), provenance={"a": 1}).write()
    assert path.read_text().endswith("# a: 1\n\nlr = 1.0e-05\nbetas = [0.9, 1]\n")
    with pytest.raises(InputError, match=r"'a\.b' is no name that Python can assign; allowed: --map a\.b=NAME"):
        plan_export({"a.b": 1}, tmp_path / "more.py", Place(format="python-assign"), provenance={})


def test_values_that_are_no_literals_are_not_read(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("lr = 2 * base\nopt = dict(name=sgd, x=float('inf'), n=-1, t=(1, 2))\nn = 1\nn = 2\n")
    with pytest.raises(InputError, match=r"lr is '2 \* base'; allowed: a number"):
        read_config(path, ".", {}, parse_space({"lr": {"uniform": [0.0, 1.0]}}))
    space = parse_space({"x": {"uniform": [0.0, 1.0]}, "n": -1, "name": "sgd", "t.1": 2})
    found = read_config(path, "opt", {}, space)
    assert {**found, "name": repr(found["name"])} == {"x": float("inf"), "n": -1, "name": "'sgd'", "t.1": 2}
    assert found["name"] != "sgd"
    with pytest.raises(InputError, match="lacks n"):
        read_config(path, ".", {}, parse_space({"n": {"choice": [1, 2]}}))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.sampled_from(["'", '"', "\\", "'''", "\n", "{x}", "#", "\ufeff", "\u2028"]),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
PLACES = {
    "learning_rate": "6e-4",
    "weight_decay": "1e-1",
    "name": '"adam"',
    "größe": "3",
    "tabbed": "'x'",
    "half": "learning_rate / 2",
    "optimizer.lr": "0.02",
    "model.depth": "18",
    "model.heads.0.classes": "80",
    "betas_too.0": "0.9",
}


@settings(max_examples=150, deadline=None)
@given(
    config=st.dictionaries(st.sampled_from([*PLACES, "new", "optimizer.new", "model.heads.1.new"]), values),
    line_break=st.sampled_from(["\n", "\r\n"]),
)
def test_an_import_gets_what_was_set_and_all_other_bytes_stay(config, line_break):
    text = SCRIPT.replace("\n", line_break)
    after = merged(config, text).text
    tree = content(after)
    for name, value in config.items():
        found = tree
        for part in name.split("."):
            found = found[int(part)] if isinstance(found, (list, tuple)) else found[part]
        found = list(found) if isinstance(found, tuple) else found
        assert repr(found) == repr(value)
    known = {name: value for name, value in config.items() if name in PLACES}
    without = merged(known, text).text
    lines = [line.split("#")[0].split("=")[0] for line in without.splitlines()]
    touched = {name.partition(".")[0] for name in known}
    for old, new in zip(text.splitlines(), without.splitlines(), strict=True):
        if not any(name in old for name in touched):
            assert old == new
    assert len(lines) == len(text.splitlines())
    assert line_break == "\n" or "\n" not in after.replace("\r\n", "")


def content(text):
    """Return the module's literals, by Python's own parser alone."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name):
                code = compile(ast.Expression(node.value), "f", "eval")
                found[target.id] = eval(code, {"learning_rate": 1.0, "dict": dict})  # noqa: S307 - what was written
    return found


# Names from elsewhere, of which the module assigns parts

PARTS = """\
from .common.optim import AdamW as optimizer
from .common.train import train, dataloader
from configs.base import *

config = ConfigDict()
config.lr = 0.1  # by hand
config["net"] = {"depth": 4}
config["stages"][1].width = 8
optimizer.lr=1e-4
optimizer.params.betas = (0.9, 0.99)
train.amp.enabled = True
train.amp.dtype, train.seed = "half", 1
dataloader.batch_size = 8
dataloader.batch_size = 16
model.depth = 50
"""


@pytest.mark.parametrize(
    ("config", "old", "new"),
    [
        ({"optimizer.lr": 2e-4, "model.depth": 101}, ("1e-4", "50"), ("2e-4", "101")),
        ({"optimizer.params.betas": [0.8, 0.9]}, ("(0.9, 0.99)",), ("(0.8, 0.9)",)),
        ({"config.lr": 0.2, "config.net.depth": 8}, ("0.1", "4}"), ("0.2", "8}")),
        ({"config.stages.1.width": 9}, ("width = 8",), ("width = 9",)),
    ],
)
def test_parts_of_a_name_from_elsewhere_are_places(config, old, new):
    expected = PARTS
    for one, other in zip(old, new, strict=True):
        expected = expected.replace(one, other, 1)
    assert merged(config, PARTS).text == expected


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("train.amp.enabled", "set or changed a second time"),
        ("dataloader.batch_size", "set or changed a second time"),
    ],
)
def test_parts_that_are_set_twice_or_together_have_no_place(name, says):
    assert says in find_places(open_document(PARTS, "f.py", "python-assign"), ".", {name: 5}).nowhere[name]


@pytest.mark.parametrize(
    "text",
    [
        "a = b = f()\na.lr = 1\n",
        "a = [1]\na[0] = 1\n",
        "a = dict(lr=1)\na['lr'] = 1\n",
        "a = f()\na.lr = 1\na = g()\n",
        "a = f()\na.lr = 1\na.lr *= 2\n",
        "a = f()\na.lr = 1\na.update(lr=2)\n",
        "a = f()\na.lr = 1\na.lr.x = 2\n",
        "a = f()\na.lr.x = 1\na.lr = 2\n",
        "a = f()\na[i] = 1\n",
        "if x: a = f()\na.lr = 1\n",
    ],
)
def test_a_name_that_is_changed_in_another_way_has_no_parts(text):
    placing = find_places(open_document(text, "f.py", "python-assign"), ".", {"a.lr": 5})
    assert "a.lr" in placing.nowhere


def test_a_name_from_elsewhere_gets_no_new_parts():
    document = open_document(PARTS, "f.py", "python-assign")
    placing = find_places(document, ".", {"optimizer.weight_decay": 0.1, "config.net.width": 2})
    assert placing.nowhere == {"optimizer.weight_decay": "optimizer is assigned part by part, and this part is not"}
    assert list(placing.gaps) == ["config.net.width"]
