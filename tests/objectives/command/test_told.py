"""What is known of a command before it runs: whether it learns its seed, and where to go on."""

import pytest

from hpsearch.objectives.command.told import reads
from hpsearch.objectives.loading import cautions
from hpsearch.objectives.space_files import parse_config
from support.documents import write_yaml
from support.factories import sample_config


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print('no variable is read here')\n")
    return tmp_path


def config(command="python train.py {args}", finalists=None, **objective):
    return parse_config(
        {
            "study": "s",
            "metric": "acc",
            "direction": "maximize",
            "objective": {"epochs": 3, "command": command, **objective},
            "space": {"lr": {"uniform": [0.0, 1.0]}},
            "finalists": finalists or {"configs": 1, "seeds": 5},
        }
    )


def said(*arguments, **settings):
    """Return for seed and resuming whether a line says that the command does not learn it."""
    lines = cautions(config(*arguments, **settings))
    return tuple(
        any(line.startswith(word) for line in lines) for word in ("the seed is not", "a trial that is resumed")
    )


def test_a_command_that_is_told_neither():
    seed, going_on = cautions(config())
    assert seed == (
        "the seed is not used: objective.command has no {seed}, its files no HPSEARCH_SEED; "
        "a finalist's 5 trainings are the same, or differ by chance"
    )
    assert going_on == (
        "a trial that is resumed begins again: objective.command has no {resume_from}, its files no HPSEARCH_RESUME"
    )
    assert "trainings" not in cautions(config(finalists={"configs": 2, "seeds": 1}))[0]


@pytest.mark.parametrize(
    "command",
    [
        "python train.py {args} --seed {seed}",
        "python train.py {overrides} trainer.seed={seed}",
        ["python", "train.py", "{args}", "--seed={seed}"],
        "python train.py {args} --seed {random_state = seed + 1}",
        "env S={seed} python train.py {args}",
        "HPSEARCH_SEED= python train.py {args}",
        "bash -c 'python train.py --seed $HPSEARCH_SEED {args}'",
    ],
)
def test_the_seed_is_used(command):
    assert said(command) == (False, True)


@pytest.mark.parametrize(
    "command", ["python train.py {args} {{seed}}", "python train.py {args} --seed 0 --seeds {epochs}"]
)
def test_the_word_alone_is_no_placeholder(command):
    assert said(command) == (True, True)


def test_going_on_may_be_an_option_of_its_own():
    assert said("python train.py {args} --ckpt {resume_from}") == (True, False)
    assert said(resume="--resume {resume_from}") == (True, False)
    assert said(resume="--resume auto --seed {seed}") == (False, False)


def test_a_config_file_may_be_told(repository):
    write_yaml(repository / "base.yaml", {"lr": 0.1, "random_seed": 0})
    made = {"template": "base.yaml", "map": {"seed": "random_seed"}}
    assert said("python train.py {config_file}", config_file=made) == (False, True)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("train.py", "seed = int(os.environ['HPSEARCH_SEED'])", True),
        ("utils/seeding.py", "os.getenv('HPSEARCH_SEED')", True),
        ("conf/config.yaml", "seed: ${oc.env:HPSEARCH_SEED}", True),
        ("space.yaml", "objective: {}  # the script gets HPSEARCH_SEED", False),
        (".venv/site.py", "HPSEARCH_SEED", False),
        ("studies/old/code/train.py", "HPSEARCH_SEED", False),
        ("notes.md", "HPSEARCH_SEED", False),
    ],
)
def test_files_may_read_the_variable(repository, name, text, found):
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert said() == (not found, True)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("torchrun --nproc-per-node 2 train.py {args}", "train.py"),
        ("python -m package.train {args}", "package/train.py"),
        ("python -m package {args}", "src/package/__main__.py"),
        ("bash scripts/train.sh {args}", "scripts/train.sh"),
        ("./scripts/train.sh {args}", "scripts/train.sh"),
    ],
)
def test_the_script_is_found(repository, command, path):
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).write_text("HPSEARCH_RESUME")
    assert said(command) == (True, False)


def test_a_program_without_files_may_read_it():
    assert cautions(config("my-trainer {args}"))[0].startswith(
        "the seed is not used, unless the program reads HPSEARCH_SEED: objective.command has no {seed}; "
    )


def test_code_in_the_command_is_all_of_it():
    assert said(["python", "-c", "print(0)", "{args}"]) == (True, True)
    assert "unless" not in cautions(config(["python", "-c", "print(0)", "{args}"]))[0]


def test_not_everything_is_read(repository):
    for number in range(450):
        (repository / f"module_{number:03d}.py").write_text("x = 1\n")
    assert reads(config().objective, "HPSEARCH_SEED") is None
    (repository / "train.py").write_text("HPSEARCH_SEED")
    assert reads(config().objective, "HPSEARCH_SEED") is True


def test_python_objectives_are_seeded_anyway():
    assert cautions(sample_config()) == []
