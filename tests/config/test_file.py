from pathlib import Path

import pytest

from hpsearch.config.file import find_space, shipped_spaces
from hpsearch.errors import InputError
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.space_files import load_space_file
from hpsearch.space.distributions import Choice, Range

TEXT = """\
study: demo
metric: loss
direction: minimize
objective: {python: "train:main", epochs: 3}
space:
  optimizer.lr: {loguniform: [1e-5, 1e-1]}  # YAML 1.1 reads 1e-5 as text
  kind: {choice: {a: [1, 2], b: null}}
  flag: {choice: [yes, no, true]}           # YAML 1.1 reads yes as true
  batch: 0o20
search: &search {trials: 8}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(TEXT)
    return path


def test_yaml_1_2(file):
    config = load_space_file(file)
    assert config.space.parameters["optimizer.lr"] == Range("loguniform", 1e-5, 1e-1)
    assert config.space.parameters["kind"] == Choice(("a", "b"), ([1, 2], None))
    assert config.space.parameters["flag"].names == ("yes", "no", True)
    assert config.space.constants == {"batch": 16}
    assert config.space.names == ("optimizer.lr", "kind", "flag", "batch")


def test_overrides_set_values_of_any_type(file):
    config = load_space_file(
        file,
        [
            "search.trials=12",
            "study=other-name",
            "prune=null",
            "space.batch={choice: [1, 2]}",
            "finalists.seeds=2",
            "search.levels.batch=2",
            "objective.python=a.b:c",
        ],
    )
    assert (config.search.trials, config.study, config.prune) == (12, "other-name", None)
    assert config.space.parameters["batch"].names == (1, 2)
    assert config.finalists.seeds == 2
    assert config.search.levels == {"batch": 2}
    assert config.raw["search"] == {"trials": 12, "levels": {"batch": 2}}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("space.optimizer.lr={uniform: [0, 1]}", {"uniform": [0, 1]}),
        ("space.optimizer.lr=0.1", 0.1),
    ],
)
def test_overrides_of_names_with_dots(file, override, expected):
    assert load_space_file(file, [override, "space.extra={uniform: [0, 1]}"]).raw["space"]["optimizer.lr"] == expected


def test_a_later_override_wins(file):
    assert load_space_file(file, ["search.trials=1", "search.trials=2"]).search.trials == 2


def test_an_override_of_one_alias_leaves_the_other(tmp_path):
    path = tmp_path / "alias.yaml"
    path.write_text(TEXT.replace("search: &search {trials: 8}", "finalists: &same {}\nensemble: *same\n"))
    config = load_space_file(path, ["finalists.configs=1"])
    assert config.raw["finalists"] == {"configs": 1}
    assert config.raw["ensemble"] == {}


def test_paths_are_relative_to_the_space_file(tmp_path, monkeypatch):
    folder = tmp_path / "spaces"
    folder.mkdir()
    path = folder / "demo.yaml"
    path.write_text(TEXT.replace('python: "train:main"', "command: ./train, cwd: ../code"))
    monkeypatch.chdir(tmp_path)
    config = load_space_file(Path("spaces/demo.yaml"))
    assert isinstance(config.objective, Command)
    assert config.objective.cwd == str(tmp_path / "code")
    assert load_space_file(path, ["objective.cwd=here"]).objective.cwd == str(tmp_path / "here")
    assert load_space_file(path, ["objective.cwd=/else"]).objective.cwd == "/else"


def test_a_path_that_is_none_is_named(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(TEXT.replace('python: "train:main"', "command: ./train, cwd: ~no-such-user/code"))
    with pytest.raises(InputError, match=r"demo.yaml:4: objective\.cwd: found '~no-such-user/code'.*allowed: a path"):
        load_space_file(path)


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_shipped_space_loads(name):
    config = load_space_file(find_space(name))
    assert config.space.parameters
    assert config.study


def test_cnn_ships():
    assert find_space("cnn").name == "cnn.yaml"


def test_a_file_comes_before_a_shipped_space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cnn").write_text(TEXT)
    assert find_space("cnn") == Path("cnn")


def test_an_unknown_space_says_what_there_is():
    with pytest.raises(
        InputError, match=r"cn: no such space file; allowed: a YAML file, .*cnn.*; did you mean 'cnn'\?"
    ):
        find_space("cn")
