import json
import os
import stat
import sys
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hpsearch.errors import InputError
from hpsearch.export import plan_export
from hpsearch.export.write import Place
from hpsearch.system.documents.places import bare_name
from hpsearch.system.documents.scalars import yaml_text
from support.documents import read_yaml

PROVENANCE = {
    "study": "cnn",
    "trial": 12,
    "metric": {"name": "val_accuracy", "mean": 0.91, "std": 1e-05},
    "seeds": [3, 4],
}

HYDRA = """\
# @package _global_
defaults:
- override /model: resnet   # the list is not indented
- _self_

experiment_name:    "größe-ß"  # aligned by hand
train:
    optimizer:
        lr: 1e-4          # was 1e-3
        weight_decay: 0.05
        betas: [0.9, 0.999]
        name: 'adamw'

    # comments at the end of train
    batch_size: 32
    amp: True
    notes: |
      keep:  this
        as it is

other: {a: 1, b: [x,y]}
"""
LIGHTNING = """\
%YAML 1.2
---
seed_everything: &seed 0
base: &base {workers: 4, pin: true}
data:
  <<: *base
  seed: *seed
train:
  optimizer: {lr: 3.0E-04, weight_decay: 1.e-2, betas: "0.9,0.999", name: adam,}
  batch_size: 064
  amp: false

  path: >-
    folded
    text
...
"""
FLAT = """train:\n  lr: 0.1\n  batch_size: 32  # a\ttab\n  empty:\n  optimizer:\n    lr: 1E+2"""
NESTED_LAST = "a: 1\ntrain: {batch_size: 1, optimizer: {'lr': 1e-1,\n  'name': x  # c, d\n  }}"
FILES = {"hydra": HYDRA, "lightning": LIGHTNING, "flat": FLAT, "nested": NESTED_LAST}
FILES |= {f"{name}-crlf": text.replace("\n", "\r\n") for name, text in FILES.items()}
FILES |= {"bom": "\ufeff" + HYDRA}


def put(folder, text, name="config.yaml"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def merge(path, config, key="train"):
    plan_export(config, path, Place(key=key), provenance=PROVENANCE).write()
    return path.read_bytes().decode()


def new(path, config, provenance=PROVENANCE, **place):
    plan_export(config, path, Place(**place), provenance=provenance).write()
    return path.read_bytes().decode()


def read(text):
    return read_yaml(text)


scalars = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["yes", "on", "1e-5", "0x1F", "1:30", "2020-01-01", "null", "~", "- a", "a: b", "#", "it's", ""]),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
names = st.sampled_from(["optimizer.lr", "optimizer.name", "optimizer.new", "batch_size", "amp", "new", "lr", "on"])


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.dictionaries(names, values, max_size=5))
@example(config={"optimizer.lr": 3.2e-05, "batch_size": 128, "amp": False, "new": "a b", "optimizer.new": 1})
def test_only_the_values_of_the_config_change(tmp_path, file, config):
    before = FILES[file]
    after = merge(put(tmp_path, before), config)
    expected = read(before)
    for name, value in config.items():
        outer, _, inner = name.partition(".")
        if outer == "optimizer":
            expected["train"]["optimizer"][inner] = value
        else:
            expected["train"][name] = value
    assert repr(read(after)) == repr(expected)
    touched = [name.rpartition(".")[2] for name in config]
    if file.startswith(("nested", "lightning")):
        touched += ["name", "}}"]  # the ends of flow mappings: new keys follow on the same line
    assert untouched(before, touched) == untouched(after, touched)
    assert (after[-1] == "\n") == (before[-1] == "\n")
    assert after.count("\r") == (after.count("\n") if "\r" in before else 0)


def untouched(text, touched):
    """Return the lines that hold none of the keys."""
    keys = tuple(f"{key}:" if key.isidentifier() else key for key in touched)
    bare = text.replace("'", "").replace('"', "")
    pairs = zip(text.splitlines(), bare.splitlines(), strict=True)
    return [line for line, unquoted in pairs if not any(key in unquoted for key in keys)]


def test_comments_quotes_order_and_layout_stay(tmp_path):
    config = {"optimizer.lr": 0.00032, "optimizer.name": "sgd", "batch_size": 128, "amp": False, "dropout": 0.1}
    expected = (
        HYDRA.replace("1e-4 ", "3.2e-4 ")
        .replace("'adamw'", "'sgd'")
        .replace("32\n", "128\n")
        .replace("True", "False")
        .replace("as it is\n", "as it is\n    dropout: 0.1\n")
    )
    assert merge(put(tmp_path, HYDRA), config) == expected


def test_a_flow_mapping_stays_one(tmp_path):
    after = merge(put(tmp_path, LIGHTNING), {"optimizer.lr": 0.001, "optimizer.name": "sgd", "optimizer.momentum": 0.9})
    assert '{lr: 1.0E-03, weight_decay: 1.e-2, betas: "0.9,0.999", name: sgd, momentum: 0.9,}' in after


def test_inner_and_outer_mappings_that_end_together_both_grow(tmp_path):
    after = merge(put(tmp_path, FLAT), {"new": 1, "optimizer.momentum": 0.9, "optimizer.nesterov": True})
    assert after == FLAT + "\n    momentum: 0.9\n    nesterov: true\n  new: 1"


def test_a_value_that_is_there_already_is_not_rewritten(tmp_path):
    text = 'train: {lr: 1.0E-03, name: "x", n: 0x10, t: ~}\n'
    assert merge(put(tmp_path, text), {"lr": 0.001, "name": "x", "n": 16, "t": None}) == text


@pytest.mark.parametrize(
    ("old", "value", "new_text"),
    [
        ("1e-4", 0.001, "1e-3"),
        ("1e-4", 3.25e-05, "3.25e-5"),
        ("1e-04", 3.25e-05, "3.25e-05"),
        ("1.0e-4", 0.001, "1.0e-3"),
        ("1E+3", 25000.0, "2.5E+4"),
        ("1e3", -0.25, "-2.5e-1"),
        ("0.1", 3.25e-05, "0.0000325"),
        ("0.1", 1e-30, "1.0e-30"),
        ("1", 2.0, "2.0"),
        ("1e-4", 0.0, "0.0"),
        ("1e-4", 7, "7"),
        ("adam", 1e-05, "1.0e-05"),
        ("", 1e22, "1.0e+22"),
        ("TRUE", False, "FALSE"),
        ("true", 1, "1"),
        ("'a'", "it's", "'it''s'"),
        ('"a"', "b", '"b"'),
        ("a", "b/c.d-e", "b/c.d-e"),
        ("a", "on", '"on"'),
        ("'a'", "two\nlines", '"two\\nlines"'),
        ("a", "😀\x07", '"😀\\U00000007"'),
        ("", [1e-05, "x", None], "[1.0e-05, x, null]"),
        ("", {"a": float("-inf")}, "{a: -.inf}"),
    ],
)
def test_values_are_written_in_the_style_of_what_they_replace(old, value, new_text):
    assert yaml_text(value, old) == new_text


@settings(deadline=None)
@given(values, st.sampled_from(["", "1e-4", "2.50E+03", "0.1", "12", "'q'", '"q"', "True"]))
def test_any_style_reads_back_as_the_value(value, old):
    assert repr(read(yaml_text(value, old))) == repr(value)


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("train:\n  lr:\n  b: 1\n", {"lr": 0.1}, "train:\n  lr: 0.1\n  b: 1\n"),
        ("train:\n  lr:   # set me\n  b: 1\n", {"lr": 0.1}, "train:\n  lr: 0.1   # set me\n  b: 1\n"),
        ("train: {}\n", {"lr": 0.1, "on": 1}, 'train: {lr: 0.1, "on": 1}\n'),
        ("train:\n  a:\n  - 1\n  - 2 # c\nb: 1\n", {"a": [3]}, "train:\n  a:\n    [3] # c\nb: 1\n"),
        ("train:\n  a: |\n    x\n\n  b: 1\n", {"a": "z"}, "train:\n  a: z\n\n  b: 1\n"),
        ("train:\n  a: *x\n".replace("*x", "{k: 1}"), {"a": {"k": 2}}, "train:\n  a: {k: 2}\n"),
        ("train:\n  optimizer.lr: 1e-1\n", {"optimizer.lr": 0.2}, "train:\n  optimizer.lr: 2e-1\n"),
        ("train:\n  'a': 1 # last\n\n# tail\n", {"b": 2}, "train:\n  'a': 1 # last\n  'b': 2\n\n# tail\n"),
        ("train:\n  a: 1\n  # of a\nb: &x 1\nc: *x\n", {"d": 2}, "train:\n  a: 1\n  d: 2\n  # of a\nb: &x 1\nc: *x\n"),
        ("x: &x 1\ntrain:\n  a: *x\n", {"d": 2}, "x: &x 1\ntrain:\n  a: *x\n  d: 2\n"),
        ("train: !Model\n  a: 1\n", {"a": 2}, "train: !Model\n  a: 2\n"),
    ],
)
def test_layouts(tmp_path, text, config, expected):
    assert merge(put(tmp_path, text), config) == expected


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        (".", "lr: 0.1 # c\n", "lr: 0.5 # c\n"),
        ("a.b", "a:\n  b: {lr: 0.1}\n", "a:\n  b: {lr: 0.5}\n"),
        ("a.b", "a.b:\n  lr: 0.1\n", "a.b:\n  lr: 0.5\n"),
        ("a.b.c", "a:\n  b.c:\n    lr: 0.1\n", "a:\n  b.c:\n    lr: 0.5\n"),
    ],
)
def test_keys_of_the_target(tmp_path, key, text, expected):
    assert merge(put(tmp_path, text), {"lr": 0.5}, key) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\ntrian: {lr: 1}\n",
            r"config.yaml:1: the top level has no key 'train'.*allowed: a, trian; did you mean 'trian'",
        ),
        ("a: 1\ntrain: adam\n", r"config.yaml:2: train is 'adam'; allowed: a mapping"),
        ("train: [1]\n", r"train is '\[1\]'"),
        ("train:\n", "train is nothing; allowed: a mapping, such as {}"),
        ("- 1\n", "the top level is '- 1'"),
        ("", "config.yaml: is empty"),
        ("# only a comment\n", "is empty"),
        ("a: 1\nb: [\n", "config.yaml:3: not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("train: {lr: 1}\n---\ntrain: {lr: 2}\n", "config.yaml:2: a second document begins; allowed: a file with one"),
        ("train: &t {lr: 1}\nb: *t\n", "train has an anchor"),
        ("b: &t {lr: 1}\ntrain: *t\n", r"config.yaml:2: train is an alias \(\*t\)"),
        ("b: &t {lr: 1}\ntrain:\n  <<: *t\n  x: 1\n", r"no place under train for lr; .*train has a merge key"),
        ("train: {lr: &lr 1}\nb: *lr\n", r"lr has an anchor \(&lr\)"),
        ("b: &lr 1\ntrain: {lr: *lr}\n", r"lr is an alias \(\*lr\)"),
        ("train: {lr: !env LR}\n", r"lr has a tag \(!env\)"),
        ("train:\n  lr: 1\n  lr: 2\n", "config.yaml:3: 'lr' is there twice"),
        ("train: {lr: {base: 1}}\n", "lr is a mapping, and 0.5 in the config"),
        ("train: {lr}\n", "lr has no colon after its key"),
    ],
)
def test_a_yaml_file_that_cannot_be_merged_into_is_left_alone(tmp_path, text, message):
    path = put(tmp_path, text)
    with pytest.raises(InputError, match=message):
        merge(path, {"lr": 0.5})
    assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    ["train:\n  a: |+\n    x\n\n\nb: 1\n", "train:\n  a: |\n    x", "train:\n  ? a\n  : 1\n"],
    ids=["kept blank lines", "literal without a break at the end", "explicit key"],
)
def test_what_an_edit_would_change_besides_is_found_out(tmp_path, text):
    path = put(tmp_path, text)
    with pytest.raises(InputError, match="laid out in a way"):
        merge(path, {"lr": 0.5})
    assert path.read_bytes() == text.encode()


def test_nested_anchors_and_merge_keys_bar_dotted_names(tmp_path):
    path = put(tmp_path, "b: &b {x: 1}\ntrain:\n  optimizer: *b\n  model: {<<: *b}\n")
    with pytest.raises(InputError, match=r"optimizer is an alias \(\*b\), in line 3"):
        merge(path, {"optimizer.lr": 1})
    with pytest.raises(InputError, match=r"model has a merge key"):
        merge(path, {"model.lr": 1})


JSON_FILE = """\
{
\t"name": "größe",
\t"train": {
\t\t"lr": 1e-4,
\t\t"opt": {"name":"adam"},
\t\t"empty": {}
\t},
\t"x": 1.0E5
}"""


def test_json_keeps_what_is_not_in_the_config(tmp_path):
    config = {"lr": 0.00025, "opt.name": "sgd", "opt.beta": 0.9, "batch": 64, "empty.a": None}
    expected = (
        JSON_FILE.replace("1e-4", "2.5e-4")
        .replace('{"name":"adam"}', '{"name":"sgd","beta":0.9}')
        .replace("{}", '{\n\t\t\t"a": null\n\t\t},\n\t\t"batch": 64')
    )
    assert merge(put(tmp_path, JSON_FILE, "c.json"), config) == expected


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.dictionaries(names, values, max_size=4))
def test_json_looks_as_if_it_had_been_written_whole(tmp_path, indent, line_break, config):
    before = {"b": [1, {"c": 0.5}], "train": {"batch_size": 3, "amp": True, "optimizer": {"lr": 1, "z": {}}}, "end": []}
    after = merge(put(tmp_path, json.dumps(before, indent=indent).replace("\n", line_break), "c.json"), config)
    for name, value in config.items():
        outer, _, inner = name.partition(".")
        if outer == "optimizer":
            before["train"]["optimizer"][inner] = value
        else:
            before["train"][name] = value
    assert repr(json.loads(after)) == repr(before)
    if not any(isinstance(value, (list, float)) for value in config.values()):  # lists stay on one line
        assert after == json.dumps(before, indent=indent, ensure_ascii=False).replace("\n", line_break)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"train": {"lr": 1},\n // c\n}', "c.json:2: not valid JSON"),
        ('{\n"train": 3}', "c.json:2: train is '3'"),
        ('{"train": {"lr": 1, "lr": 2}}', "'lr' is there twice"),
        ("[]", r"the top level is '\[\]'"),
        (" ", "is empty"),
    ],
)
def test_a_json_file_that_cannot_be_merged_into_is_left_alone(tmp_path, text, message):
    path = put(tmp_path, text, "c.json")
    with pytest.raises(InputError, match=message):
        merge(path, {"lr": 0.5})
    assert path.read_bytes() == text.encode()


def test_a_new_yaml_file_has_the_config_under_its_provenance(tmp_path):
    config = {"optimizer.lr": 3e-05, "batch_size": 64, "name": "on", "betas": [0.9, 0.99]}
    assert new(tmp_path / "new.yml", config) == (
        "# The best config of a study of hpsearch\n"
        "# study: cnn\n"
        "# trial: 12\n"
        "# metric: {name: val_accuracy, mean: 0.91, std: 1.0e-05}\n"
        "# seeds: [3, 4]\n"
        "\n"
        "optimizer.lr: 3.0e-05\n"
        "batch_size: 64\n"
        'name: "on"\n'
        "betas: [0.9, 0.99]\n"
    )


def test_nothing_in_a_provenance_ends_its_comment(tmp_path):
    text = new(tmp_path / "new.yaml", {"lr": 1}, provenance={"command": "a\nlr: 2\u2028x", "path": Path("a")})
    assert read(text) == {"lr": 1}
    assert "# path: a\n" in text


def test_a_new_json_file_has_the_provenance_beside_the_config(tmp_path):
    text = new(tmp_path / "new.json", {"lr": 1e-05, "name": "größe"})
    assert json.loads(text) == {"lr": 1e-05, "name": "größe", "_hpsearch": PROVENANCE}
    assert list(json.loads(text)) == ["lr", "name", "_hpsearch"]
    assert text.endswith("}\n")


def test_the_format_given_beats_the_suffix(tmp_path):
    assert json.loads(new(tmp_path / "new.conf", {"lr": 1}, format="json"))["lr"] == 1


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), values, max_size=4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_new_file_reads_back_as_the_config(tmp_path, config):
    assume(len({bare_name(name) for name in config}) == len(config))
    for path in (tmp_path / "new.yaml", tmp_path / "new.json"):
        path.unlink(missing_ok=True)
        text = new(path, config)
        found = read(text) if path.suffix == ".yaml" else json.loads(text)
        found.pop("_hpsearch", None)
        assert repr(found) == repr({bare_name(name): value for name, value in config.items()})


def test_permission_bits_and_links_are_kept(tmp_path):
    path = put(tmp_path, FLAT)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    merge(link, {"lr": 0.5})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert "lr: 0.5" in path.read_text()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("there.yaml", {}, "there.yaml: is there already; allowed: --key a.b to merge .* or another path"),
        ("there.py", {}, "there.py: is there already; allowed: --format python-assign to set its assignments, or"),
        ("new.yaml", {"key": "a"}, "new.yaml: is not there to merge into at a; allowed: an existing file, or no --key"),
        ("new.ini", {}, r"new.ini: has the suffix '.ini'; allowed: .yaml, .yml, .json"),
        ("new", {}, "new: has no suffix"),
        ("folder", {"format": "yaml"}, "folder: is a directory; allowed: a file"),
        ("nowhere/new.yaml", {}, "nowhere is not there"),
        ("there.yaml/new.yaml", {}, "there.yaml is not there|can't be written"),
        ("latin.yaml", {"key": "a"}, "latin.yaml: is not UTF-8 at byte 3"),
        ("x" * 300 + ".yaml", {}, "can't be written: File name too long"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(tmp_path, name, options, message):
    put(tmp_path, "a: {lr: 1}\n", "there.yaml")
    put(tmp_path, "lr = 1\n", "there.py")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe4\n")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        new(tmp_path / name, {"lr": 2}, **options)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_files_and_folders_are_refused(tmp_path):
    path = put(tmp_path, FLAT)
    path.chmod(0o444)
    with pytest.raises(InputError, match="is read-only"):
        merge(path, {"lr": 0.5})
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match="can't be written: Permission denied"):
        new(tmp_path / "new.yaml", {"lr": 0.5})
    tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where even root makes no file")
def test_a_folder_that_takes_no_file_is_refused():
    with pytest.raises(InputError, match=r"/proc/new\.yaml: can't be written"):
        new(Path("/proc/new.yaml"), {"lr": 0.5})


def test_values_without_a_form_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"new.json: lr is inf, which JSON does not have"):
        new(tmp_path / "new.json", {"lr": float("inf")})
    with pytest.raises(InputError, match=r"new.yaml: lr is .* a Path|a PosixPath"):
        new(tmp_path / "new.yaml", {"lr": Path("a")})
    with pytest.raises(InputError, match="_hpsearch is a parameter"):
        new(tmp_path / "new.json", {"_hpsearch": 1})
    assert not list(tmp_path.iterdir())


def test_numpy_numbers_are_numbers(tmp_path):
    import numpy as np

    assert read(new(tmp_path / "new.yaml", {"lr": np.float64(0.25)})) == {"lr": 0.25}


def test_the_examples_are_ones_that_a_round_trip_changes():
    # Or editing by marks would be more than is needed.
    out = StringIO()
    YAML().dump(YAML().load(HYDRA), out)
    assert out.getvalue() != HYDRA
