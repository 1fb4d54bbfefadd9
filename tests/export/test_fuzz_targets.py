"""Files of others: an export changes its target in its values or not at all; an import makes a file or says why not."""

from __future__ import annotations

import ast
import json
import os
import shutil
import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from hpsearch.drafting.from_script import plan_space
from hpsearch.drafting.from_tuners import plan_import
from hpsearch.export import plan_export
from hpsearch.export.read import read_config
from hpsearch.export.write import Place
from hpsearch.objectives.space_files import load_space_file
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.system.documents.places import bare_name
from support.documents import read_yaml
from support.fuzzing import HOSTILE, broken_files, cases, listing, refusal, texts, values

HYDRA = """\
# @package _global_
defaults: [_self_]
train:
  optimizer: {lr: 1e-4, name: 'adamw'}   # by hand
  batch_size: 32
  notes: |
    keep:  this
other: [x, y]
"""
LIGHTNING = (
    "%YAML 1.1\n---\nbase: &base {workers: 4}\ndata:\n  <<: *base\ntrain:\n  lr: 3.0E-04\n  batch_size: 064\n...\n"
)
JSON = json.dumps({"train": {"lr": 0.1, "optimizer": {"name": "x"}}, "other": [1, None, 1e400]}, indent=2)
TOML = """\
title = "x" # by hand
[train]
lr = 1e-4
optimizer.name = 'adam'
[train.more]
when = 2026-01-01
[[runs]]
lr = 1
[other]
inline = { a = 1, b = [1, 2] }
"""
TARGETS = {
    ".yaml": (HYDRA, LIGHTNING),
    ".json": (JSON,),
    ".toml": (TOML,),
    ".py": (
        "# coding: utf-8\nlr = 1e-3; notes = 'größe'\noptimizer = dict(name='adam')\nif lr:\n    batch_size = 3\n",
    ),
    ".ini": ("[a]\nb=1\n",),
}
CONFIGS = st.dictionaries(
    st.sampled_from(["lr", "batch_size", "optimizer.name", "notes", "when", "a.b.c"]) | texts.filter(bool),
    st.one_of(st.floats(), st.integers(-9, 9), st.booleans(), texts, values),
    max_size=4,
)
PLACES = (
    st.sampled_from([None, ".", "train", "train", "train.optimizer", "other", "train.more", "no.such", "optimizer"])
    | texts
)
PROVENANCE = {"study": "cnn", "trial": 1, "note": "a\nb \x1b[31m", "mean": 0.9}


pytestmark = pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")  # YAML allows it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("targets")


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


class fresh:  # noqa: N801 - a context manager that is called like a function
    """A folder that is empty, and gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self.made = Path(tempfile.mkdtemp(dir=self._folder))
        return self.made

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.made)


@st.composite
def targets(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a suffix, and what stands in the file."""
    suffix = draw(st.sampled_from([*TARGETS, ".yaml", ".json", ".toml"]))
    return suffix, draw(st.one_of(broken_files(*TARGETS[suffix]), st.sampled_from(TARGETS[suffix]).map(str.encode)))


@cases(500)
@given(target=targets(), config=CONFIGS, key=PLACES, names=st.dictionaries(texts, texts, max_size=1), add=st.booleans())
def test_a_target_is_changed_in_its_values_or_not_at_all(folder, target, config, key, names, add):
    suffix, content = target
    with fresh(folder) as here:
        path = here / f"target{suffix}"
        path.write_bytes(content)
        before = listing(here)

        def export() -> None:
            plan_export(config, path, Place(key=key, names=names, add=add), provenance=PROVENANCE).write()

        message = refusal(export)
        if message is not None:
            assert listing(here) == before
            return
        after = listing(here)
        assert set(after) <= {path.name, f"{path.name}.hpsearch.json"}
        if after != before:
            assert set(after) - set(before) == {f"{path.name}.hpsearch.json"}
            json.loads(after[f"{path.name}.hpsearch.json"] or b"")
        with suppress(YAMLError):  # on an alias of nothing, which was there before
            old = read(suffix, content.decode())
            assert without(reader(path), key or "", config) == without(old, key or "", config)


def read(suffix: str, text: str) -> Any:
    if suffix == ".json":
        return json.loads(text.lstrip("\ufeff"))
    if suffix == ".py":
        return statements(text)
    return tomllib.loads(text.lstrip("\ufeff")) if suffix == ".toml" else read_yaml(text)


def statements(text: str) -> dict[str, str]:
    """Return the text of each statement by the name that it sets, or by its text."""
    found = {}
    for node in ast.parse(text.lstrip("\ufeff")).body:
        target, code = node.targets[0] if isinstance(node, ast.Assign) else None, ast.unparse(node)
        found[target.id if isinstance(target, ast.Name) else code] = code
    return found


def reader(path: Path) -> Any:
    return read(path.suffix, path.read_text())


def without(content: Any, key: str, config: dict[str, Any]) -> Any:
    """Return a file's content as text, without what an export may set: all below the first part of its key."""
    if not isinstance(content, dict):
        return repr(content)
    config = {bare_name(name): value for name, value in config.items()}
    touched = {name.partition(".")[0] for name in config} | set(config) if key in ("", ".") else {key.partition(".")[0]}
    return repr({name: value for name, value in content.items() if str(name) not in touched and name != key})


@cases(500)
@given(
    config=CONFIGS,
    kind=st.sampled_from(["yaml", "json", "toml", "hydra", "args", "env", "python", "lightning"]),
    places=st.dictionaries(st.sampled_from(["lr", "batch_size"]), texts, max_size=1),
)
def test_a_new_file_is_whole_or_is_not_there(folder, config, kind, places):
    with fresh(folder) as here:
        path = here / "new.txt"

        def export() -> None:
            plan_export(config, path, Place(format=kind, names=places), provenance=PROVENANCE).write()

        message = refusal(export)
        assert set(listing(here)) == ({path.name} if message is None else set())
        if message is not None:
            return
        text = path.read_text()
        assert all(line.isprintable() for line in text.splitlines() if line.startswith("#"))
        if kind in ("yaml", "lightning", "hydra"):
            read_yaml(text)
        elif kind == "json":
            json.loads(text)
        elif kind == "toml":
            tomllib.loads(text)
        elif kind == "python":
            compile(text, "new.py", "exec")


@pytest.fixture
def odd_targets(tmp_path: Path) -> Path:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "circle.yaml").symlink_to("circle.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere" / "x.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/full")
    return tmp_path


@pytest.mark.parametrize("name", ["folder", "pipe", "circle", "dangling", "device", "x" * 300, "a\0b"])
@pytest.mark.parametrize("key", [None, "."])
def test_what_is_no_file_is_left_alone(odd_targets, name, key):
    before = {path.name for path in odd_targets.rglob("*")}
    path = odd_targets / f"{name}.yaml"
    assert refusal(lambda: plan_export({"lr": 0.1}, path, Place(key=key), provenance=PROVENANCE).write())
    assert {path.name for path in odd_targets.rglob("*")} == before


SPACE = Space({"lr": Range("uniform", 0.0, 1.0)}, {"optimizer.name": "adam"})


@cases(500)
@given(target=targets(), key=PLACES.filter(bool), names=st.dictionaries(texts, texts, max_size=1))
def test_an_exported_file_is_read_back_or_is_refused(folder, target, key, names):
    path = folder / f"read{target[0]}"
    path.write_bytes(target[1])
    refusal(lambda: read_config(path, key, names, SPACE))


SWEEP = """\
program: train.py
name: sweep
method: bayes
metric: {name: loss, goal: minimize, target: 0.1}
command: ["${env}", "${interpreter}", "${program}", "--x={a}", "${args}"]
run_cap: 5
early_terminate: {type: hyperband, min_iter: 3, max_iter: 27}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  width: {distribution: q_log_uniform_values, min: 32, max: 500, q: 32}
  dropout: {values: [0.2, 0.3], probabilities: [0.5, 0.5]}
  epochs: {value: 15}
  noise: {distribution: normal, mu: 0.3, sigma: 0.05}
  group:
    parameters:
      warmup: {min: 0, max: 5}
"""
NNI = json.dumps(
    {
        "lr": {"_type": "loguniform", "_value": [0.0001, 0.1]},
        "batch": {"_type": "quniform", "_value": [30, 250, 50]},
        "layer": {
            "_type": "choice",
            "_value": [{"_name": "a"}, {"_name": "b", "k": {"_type": "randint", "_value": [1, 9]}}],
        },
    },
    indent=1,
)
SCRIPT = """\
import argparse
LR = 1e-2
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", "-l", type=float, default=LR)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()
print({"val_loss": args.learning_rate})
"""
SOURCES = {"yaml": (SWEEP, HYDRA, LIGHTNING), "json": (NNI, JSON), "toml": (TOML,), "py": (SCRIPT,)}


@st.composite
def sources(draw: st.DrawFn, *suffixes: str) -> tuple[str, bytes]:
    suffix = draw(st.sampled_from(suffixes))
    return suffix, draw(broken_files(*SOURCES[suffix]))


@cases(500)
@given(source=sources("yaml", "json"), kind=st.sampled_from([None, None, "wandb", "nni"]))
def test_an_import_makes_a_file_that_loads_or_says_why_not(folder, source, kind):
    path = folder / f"source.{source[0]}"
    path.write_bytes(source[1])
    made: list[str] = []
    if refusal(lambda: made.append(plan_import(str(path), kind).text)) is None:
        loads(folder, made[0])


@cases(300)
@given(source=sources("py", "yaml", "json", "toml"))
def test_a_first_space_file_loads_or_there_is_a_reason(folder, source):
    with fresh(folder) as here:
        path = here / f"source.{source[0]}"
        path.write_bytes(source[1])
        made: list[str] = []
        if refusal(lambda: made.append(plan_space(path, folder=here).text)) is None:
            loads(here, made[0])


def loads(folder: Path, text: str) -> None:
    path = folder / "made.yaml"
    path.write_text(text)
    load_space_file(path)


@cases(1400)
@given(source=st.sampled_from(HOSTILE) | texts)
def test_any_name_of_a_source_is_taken_or_refused(source):
    refusal(lambda: plan_import(source))
    if "\0" not in source:
        refusal(lambda: plan_space(Path(source), folder=Path()))
