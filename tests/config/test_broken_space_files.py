"""Every broken file gets one message with file, line, field, what was found, what is allowed, and the nearest name."""

import pytest

from hpsearch.errors import InputError, SpaceFileError
from hpsearch.objectives.space_files import load_space_file

VALID = """\
study: cnn
metric: val_accuracy
direction: maximize
seed: 0
objective:
  use: image_classifier
  data: digits
  epochs: 20
space:
  lr: {loguniform: [1e-4, 1e-1]}
  batch_size:
    choice: [16, 32, 64]
  dropout: {quniform: [0.0, 0.5, 0.1]}
search: {sampler: jittered_grid, trials: 48}
prune: {stall: {patience: 25%}}
finalists: {configs: 3, seeds: 5}
ensemble: {members: 5, vote: soft}
"""
LR = "lr: {loguniform: [1e-4, 1e-1]}"
BATCH = "choice: [16, 32, 64]"
STALL = "patience: 25%"
TRIALS = "trials: 48"
DATA = "data: digits"

# what is replaced, by what, the line of the message, its beginning, what it allows, the nearest name
BROKEN = [
    # not YAML
    ("seed: 0", "seed: [0", 5, "not valid YAML: ", "", ""),
    ("  data: digits", "\tdata: digits", 7, "not valid YAML: ", "", ""),
    ("seed: 0", "seed: 0\nseed: 1", 5, 'not valid YAML: found duplicate key "seed"', "", ""),
    ("seed: 0", "seed: *elsewhere", 4, "not valid YAML: found undefined alias 'elsewhere'", "", ""),
    ("seed: 0", "seed: !!python/object/apply:os.system [ls]", 4, "not valid YAML: could not determine", "", ""),
    ("seed: 0", "seed: 'open", 18, "not valid YAML: ", "", ""),
    ("seed: 0", "seed: \x07", 4, "not valid YAML: the character '\\x07'", "", ""),
    ("study: cnn", "study: cnn\n---\nmore: 1", 2, "not valid YAML: but found another document", "", ""),
    # not what JSON holds
    ("seed: 0", "seed: 2026-01-01", 4, "seed: found '2026-01-01', a date", "numbers", ""),
    ("seed: 0", "seed: &a [*a]", 4, "seed.0: is nested too deeply", "no alias of itself", ""),
    ("seed: 0", "5: 0", 4, "5: the key 5 is not text", "put quotes around it", ""),
    ("  data: digits", "  true: digits", 7, "objective.True: the key true is not text", "put quotes around it", ""),
    ("seed: 0", "seed: 99999999999999999999", 4, "seed: found a huge integer", "below 2**63", ""),
    # missing
    ("study: cnn\n", "", 1, "study: is missing", "a name of letters", ""),
    ("metric: val_accuracy\n", "", 1, "metric: is missing", "such as val_accuracy", ""),
    ("direction: maximize\n", "", 1, "direction: is missing", "maximize, minimize", ""),
    ("  epochs: 20\n", "", 5, "objective.epochs: is missing", "an integer >= 1", ""),
    ("  data: digits\n", "", 5, "objective.data: is missing", "digits, mnist", ""),
    # unknown keys, at several depths
    ("seed: 0", "sed: 0", 4, "sed: unknown key 'sed'", "study, metric", "seed"),
    ("metric: val", "metrik: val", 2, "metrik: unknown key 'metrik'", "study, metric", "metric"),
    (TRIALS, "trails: 48", 14, "search.trails: unknown key 'trails'", "sampler, trials", "trials"),
    (STALL, "patients: 5", 15, "prune.stall.patients: unknown key", "patience, min_delta", "patience"),
    (DATA, "data: digits\n  split: {trian: 0.7}", 8, "objective.split.trian: unknown key", "train, val", "train"),
    (DATA, "data: digits\n  zzzz: 1", 8, "objective.zzzz: unknown key 'zzzz'", "epochs, use, data", ""),
    # types and bounds
    (TRIALS, 'trials: "48"', 14, "search.trials: found '48'", "an integer >= 1", ""),
    (TRIALS, "trials: true", 14, "search.trials: found true", "an integer >= 1", ""),
    (TRIALS, "trials: 1.5", 14, "search.trials: found 1.5", "an integer >= 1", ""),
    (TRIALS, "jitter: true", 14, "search.jitter: found true", "a number >= 0 and <= 1", ""),
    (
        "search: {sampler: jittered_grid, trials: 48}",
        "search: 48",
        14,
        "search: found 48",
        "a mapping with sampler",
        "",
    ),
    # a sampler by its name, or as a mapping
    ("jittered_grid", "jitered_grid", 14, "search.sampler: found 'jitered_grid'", "or a mapping with", "jittered_grid"),
    ("jittered_grid", "[tpe]", 14, "search.sampler: found ['tpe']", "tpe, gp, auto, or a mapping with optuna", "tpe"),
    ("jittered_grid", "{tpe: {}}", 14, "search.sampler.optuna: is missing", "package.module:name", ""),
    ("jittered_grid", "{optuna: my_module}", 14, "search.sampler.optuna: found 'my_module'", "package.module:name", ""),
    ("jittered_grid", "{optuna: 'a:B', c: .nan}", 14, "search.sampler.c: found nan", "finite numbers", ""),
    ("epochs: 20", "epochs: -1", 8, "objective.epochs: found -1", "an integer >= 1, the full length", ""),
    ("metric: val_accuracy", "metric: null", 2, "metric: found null", "the name of a metric", ""),
    ("maximize", "maximise", 3, "direction: found 'maximise'", "maximize, minimize", "maximize"),
    ("seed: 0", "seed: 4294967296", 4, "seed: found 4294967296", "an integer >= 0 and < 4294967296", ""),
    ("study: cnn", "study: ../cnn", 1, "study: found '../cnn'", "a name of letters, digits", ""),
    ("members: 5", "members: 0", 17, "ensemble.members: found 0", "an integer >= 1", ""),
    ("vote: soft", "vote: sofd", 17, "ensemble.vote: found 'sofd'", "soft, hard", "soft"),
    (
        "{stall: {patience: 25%}}",
        "5",
        15,
        "prune: found 5",
        "auto, or a mapping with stall, asha, hyperband, median, screen, audit, diverged, or null",
        "",
    ),
    (STALL, "patience: 0%", 15, "prune.stall.patience: found '0%'", "such as 25%", ""),
    (STALL, "patience: 150%", 15, "prune.stall.patience: found '150%'", "up to 100%", ""),
    (STALL, "patience: fast", 15, "prune.stall.patience: found 'fast'", "an integer >= 1, or a share", ""),
    (STALL, "patience: 0.25", 15, "prune.stall.patience: found 0.25", "an integer >= 1, or a share", ""),
    (STALL, "patience: 0", 15, "prune.stall.patience: found 0", "an integer >= 1, or a share", ""),
    (STALL, "min_delta: .nan", 15, "prune.stall.min_delta: found nan", "finite numbers", ""),
    (TRIALS, "levels: [3]", 14, "search.levels: found [3]", "a mapping", ""),
    (TRIALS, "levels: {lr: x}", 14, "search.levels.lr: found 'x'", "an integer >= 1 and <= 1000", ""),
    (TRIALS, "levels: {lrr: 3}", 14, "search.levels.lrr: 'lrr' is not a parameter", "lr, batch_size", "lr"),
    (TRIALS, "levels: {batch_size: 2}", 14, "search.levels.batch_size: found 2", "3, one for each choice", ""),
    # the objective
    ("use: image_classifier", "use: image_clasifier", 6, "objective.use: found", "", "image_classifier"),
    (DATA, "data: digitz", 7, "objective.data: found 'digitz'", "digits, mnist", "digits"),
    (DATA, 'python: "a:b"', 5, "objective: has both 'use' and 'python'", "one of use, python, command", ""),
    ("use: image", "uze: image", 5, "objective: has none of use", "one of use, python, command", "use"),
    (DATA, "data: digits\n  split: {train: 0.5}", 8, "objective.split: found", "shares that sum to 1, not to 0.8", ""),
    (DATA, "data: digits\n  split: {train: 1.5}", 8, "objective.split.train: found 1.5", "> 0 and < 1", ""),
    (DATA, "data: digits\n  download: 1", 8, "objective.download: found 1", "true or false", ""),
    (DATA, "data: digits\n  image_size: 4", 8, "objective.image_size: found 4", ">= 8 and <= 1024, or null", ""),
    # the space
    (LR, "lr: {loguniform: [0, 1]}", 10, "space.lr.loguniform.0: low is 0", "a low above 0", ""),
    (LR, "lr: {loguniform: [1, 0.1]}", 10, "space.lr.loguniform: low 1 is not below high 0.1", "low < high", ""),
    (LR, "lr: {uniform: [1, 1]}", 10, "space.lr.uniform: low 1 is not below high 1", "low < high", ""),
    (LR, "lr: {loguniform: [1, 2, 3]}", 10, "space.lr.loguniform: found [1, 2, 3]", "[low, high], 2 numbers", ""),
    (LR, "lr: {loguniform: 1e-4}", 10, "space.lr.loguniform: found 0.0001", "[low, high], 2 numbers", ""),
    (LR, "lr: {loguniform: ['1e-4', 1]}", 10, "space.lr.loguniform.0: found '1e-4'", "finite numbers", ""),
    (LR, "lr: {loguniform: [.nan, 1]}", 10, "space.lr.loguniform.0: found nan", "finite numbers", ""),
    (LR, "lr: {uniform: [0, .inf]}", 10, "space.lr.uniform.1: found inf", "finite numbers", ""),
    (LR, "lr: {randint: [1.5, 3]}", 10, "space.lr.randint.0: found 1.5", "finite integers", ""),
    (LR, "lr: {randint: [false, 3]}", 10, "space.lr.randint.0: found false", "finite integers", ""),
    (LR, "lr: {loguniforn: [1e-4, 1]}", 10, "space.lr: unknown distribution", "uniform, loguniform", "loguniform"),
    (LR, "lr: {}", 10, "space.lr: has 0 distributions", "one of uniform, loguniform", ""),
    (LR, "lr: {uniform: [0, 1], choice: [1]}", 10, "space.lr: has 2 distributions", "one of uniform", ""),
    (LR, "lr: [1e-4, 1e-1]", 10, "space.lr: is a list, [0.0001, 0.1]", "{choice: [...]}", ""),
    (BATCH, "choice: []", 12, "space.batch_size.choice: found []", "a list of different scalars", ""),
    (BATCH, "choice: 16", 12, "space.batch_size.choice: found 16", "a list of different scalars", ""),
    (BATCH, "choice:\n      - 0\n      - false", 14, "space.batch_size.choice.1: found false beside 0", "name", ""),
    (BATCH, "choice: [16, 32, 16]", 12, "space.batch_size.choice.2: found 16 twice", "different scalars", ""),
    (BATCH, "choice: [[1, 2], 3]", 12, "space.batch_size.choice.0: found [1, 2]", "give anything else a name", ""),
    ("quniform: [0.0, 0.5, 0.1]", "quniform: [0.0, 0.55, 0.1]", 13, "space.dropout.quniform.1: 0.55", "multiples", ""),
    ("quniform: [0.0, 0.5, 0.1]", "quniform: [0.0, 0.5]", 13, "space.dropout.quniform: found", "3 numbers", ""),
    ("quniform: [0.0, 0.5, 0.1]", "quniform: [0.0, 0.5, 0]", 13, "space.dropout.quniform.2: the step", "above 0", ""),
    ("  dropout:", "  epochs:", 13, "space.epochs: 'epochs' is a setting of the objective", "another name", ""),
    ("  dropout:", "  '':", 13, "space.: the name of a parameter is empty", "text", ""),
]


def write(folder, text):
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def broken(old, new):
    assert VALID.count(old) == 1, f"{old!r} must be in the valid file once"
    return VALID.replace(old, new)


def test_the_valid_file_is_valid(tmp_path):
    assert load_space_file(write(tmp_path, VALID)).study == "cnn"


@pytest.mark.parametrize(("old", "new", "line", "beginning", "allowed", "near"), BROKEN, ids=[row[1] for row in BROKEN])
def test_one_message_says_it_all(tmp_path, old, new, line, beginning, allowed, near):
    path = write(tmp_path, broken(old, new))
    with pytest.raises(SpaceFileError) as caught:
        load_space_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: {beginning}")
    assert "\n" not in message
    after = message.partition("; allowed: ")[2]
    assert allowed in after
    assert message.partition("; did you mean ")[2] == (f"{near!r}?" if near else "")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "the file: is empty; allowed: a mapping with study, metric"),
        ("# nothing\n", 1, "the file: is empty"),
        ("- study: cnn\n- seed: 0\n", 1, "the file: found [{'study': 'cnn'}, {'seed': 0}]; allowed: a mapping with"),
        ("just text", 1, "the file: found 'just text'; allowed: a mapping with"),
        ("# a comment\n\nstudy: cnn\n", 3, "metric: is missing"),
    ],
)
def test_files_that_are_no_mapping(tmp_path, content, line, message):
    path = write(tmp_path, content)
    with pytest.raises(SpaceFileError) as caught:
        load_space_file(path)
    assert str(caught.value).startswith(f"{path}:{line}: {message}")


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        (
            "objective: null\n",
            1,
            "objective: found null; allowed: a mapping with epochs and one of use, python, command",
        ),
        ("objective: {command: [], epochs: 1}\n", 1, "objective.command: found []; allowed: text that is split"),
        (
            "objective: {command: [a, 1], epochs: 1}\n",
            1,
            "objective.command: found ['a', 1]; allowed: text that is split",
        ),
        ("objective: {python: train, epochs: 1}\n", 1, "objective.python: found 'train'; allowed: package.module:name"),
        (
            "objective: {python: 'a:b', epochs: 1, data: digits}\n",
            1,
            "objective.data: unknown key 'data'; allowed: epochs",
        ),
    ],
)
def test_other_objectives(tmp_path, section, line, message):
    start, end = VALID.index("objective:"), VALID.index("space:")
    path = write(tmp_path, section + VALID[:start] + VALID[end:])
    with pytest.raises(SpaceFileError) as caught:
        load_space_file(path)
    assert str(caught.value).startswith(f"{path}:{line}: {message}")


def test_a_space_without_a_parameter(tmp_path):
    start, end = VALID.index("  lr:"), VALID.index("search:")
    for content in (" {}\n", " {momentum: 0.9}\n"):
        path = write(tmp_path, VALID[:start].rstrip() + content + VALID[end:])
        with pytest.raises(SpaceFileError, match="space: has no parameter to search; allowed: at least one") as caught:
            load_space_file(path)
        assert caught.value.line == 9


def test_binary_garbage_and_absent_files(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="not a text file: byte 0 is not UTF-8; allowed: text in UTF-8"):
        load_space_file(path)
    with pytest.raises(InputError, match="can't be read: No such file"):
        load_space_file(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="can't be read: Is a directory"):
        load_space_file(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trials=0", "search.trials: found 0; allowed: an integer >= 1"),
        ("search.trails=8", "search.trails: unknown key 'trails'; allowed: .*; did you mean 'trials'"),
        ("serach.trials=8", "serach: unknown key 'serach'; allowed: .*; did you mean 'search'"),
        ("space.lr={loguniform: [0, 1]}", "space.lr.loguniform.0: low is 0"),
        ("objective.python=a:b", "objective: has both 'use' and 'python'"),
        ("objective.epochs=many", "objective.epochs: found 'many'; allowed: an integer >= 1"),
        ("prune.stall.patience=0%", "prune.stall.patience: found '0%'"),
        ("search.trials", "allowed: PATH=VALUE, such as search.trials=8"),
        ("=8", "allowed: PATH=VALUE"),
        ("search..trials=8", "allowed: PATH=VALUE"),
        ("search.trials.more=8", "search.trials is not a section of the file; allowed: PATH=VALUE"),
        ("search.trials=[", "not valid YAML: "),
        ("seed=2026-01-01", "seed: found '2026-01-01', a date"),
    ],
)
def test_overrides(tmp_path, override, message):
    path = write(tmp_path, VALID)
    with pytest.raises(SpaceFileError, match=message) as caught:
        load_space_file(path, [override])
    assert str(caught.value).startswith(f"--set {override}: ")
    assert str(path) not in str(caught.value)


def test_an_error_that_an_override_causes_elsewhere_is_the_override_s(tmp_path):
    path = write(tmp_path, broken(TRIALS, "levels: {dropout: 3}"))
    with pytest.raises(SpaceFileError, match="'dropout' is not a parameter") as caught:
        load_space_file(path, ["space.dropout=0.1"])
    assert str(caught.value).startswith("--set space.dropout=0.1: search.levels.dropout")


def test_an_error_of_the_file_is_the_file_s_in_spite_of_an_override(tmp_path):
    path = write(tmp_path, broken("members: 5", "members: 0"))
    with pytest.raises(SpaceFileError) as caught:
        load_space_file(path, ["search.trials=8"])
    assert str(caught.value).startswith(f"{path}:17: ensemble.members")
