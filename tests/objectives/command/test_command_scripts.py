"""Commands as training scripts are: config files, logs, other Pythons, and going on after a lost worker."""

import json
import sys
import textwrap
from contextlib import closing

import pytest

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.command.line import command_line
from hpsearch.objectives.loading import check_objective, load_objective
from hpsearch.objectives.own_values import OwnValues
from hpsearch.objectives.space_files import parse_config
from hpsearch.trial.folder import AttemptWriter
from support.attempts import begun
from support.documents import read_yaml
from support.factories import spec

PYTHON = sys.executable
EPOCHS = 3
CONFIG = {"lr": 0.25, "optimizer.name": "adam"}


def parsed(command, **settings):
    return parse_config(
        {
            "study": "s",
            "metric": "acc",
            "direction": "maximize",
            "objective": {"epochs": EPOCHS, "command": command, **settings},
            "space": {"lr": {"uniform": [0.0, 1.0]}, "optimizer.name": "adam"},
        }
    )


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Return a function that trains a program to its end, and gives what it measured by epoch."""
    monkeypatch.chdir(tmp_path)

    def train(program, command="{args}", attempt=1, **settings):
        (tmp_path / "train.py").write_text(textwrap.dedent(program))
        config = parsed(f"{PYTHON} train.py {command}" if isinstance(command, str) else command, **settings)
        check_objective(config)
        trial, writer = begun(spec(tmp_path, 4, config=CONFIG, attempt=attempt, epochs=EPOCHS, metric="acc"))
        measured = {}
        with closing(load_objective(config.objective).train(CONFIG, trial)) as steps:
            for metrics in steps:
                measurement = trial.measure(metrics, 0.0)
                writer.commit(measurement)
                measured[measurement.epoch] = dict(measurement.metrics)
        return measured

    return train


def refused(**settings):
    command = settings.pop("command", "python train.py {args}")
    with pytest.raises(FieldError) as raised:
        check_objective(parsed(command, **settings))
    return str(raised.value)


# Config files

TEMPLATES = {
    "yaml": "# mine\nmodel: {depth: 3}  # deep\noptim:\n  lr: 1e-1\n  optimizer:\n    name: 'sgd'\nrun:\n  seed: 0\n",
    "json": '{"optim": {"lr": 1e-1, "optimizer": {"name": "sgd"}}, "run": {"seed": 0}}',
    "toml": '# mine\n[optim]\nlr = 1e-1 # rate\noptimizer.name = "sgd"\n\n[run]\nseed = 0\n',
}
READERS = {
    "yaml": "from ruamel.yaml import YAML; read = lambda f: YAML(typ='safe').load(f)",
    "json": "import json; read = json.load",
    "toml": "import tomllib; read = lambda f: tomllib.loads(f.read())",
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_config_file_is_the_users_with_the_trials_values(train, tmp_path, kind):
    template = tmp_path / f"base.{kind}"
    template.write_text(TEMPLATES[kind])
    program = READERS[kind] + textwrap.dedent("""
        import json, sys
        with open(sys.argv[1]) as file:
            config = read(file)
        optim = config["optim"]
        assert optim["optimizer"] == {"name": "adam"}, config
        print(json.dumps({"acc": optim["lr"], "seed": config["run"]["seed"]}))
    """)
    places = {"lr": "optim.lr", "optimizer.name": "optim.optimizer.name", "seed": "run.seed"}
    measured = train(program, "{config_file}", config_file={"template": str(template), "map": places})
    assert measured == {1: {"acc": 0.25, "seed": 7.0}}
    made = (tmp_path / "attempt-1" / f"config_file.{kind}").read_text()
    assert template.read_text() == TEMPLATES[kind]
    if kind == "yaml":
        assert made == TEMPLATES[kind].replace("1e-1", "2.5e-1").replace("'sgd'", "'adam'").replace(
            "seed: 0", "seed: 7"
        )


def test_a_config_file_may_have_numbers_that_are_computed(train, tmp_path):
    (tmp_path / "base.yaml").write_text("lr: 0\noptimizer: {name: sgd}\ntrainer: {max_steps: 1, warmup: 0.0}\n")
    program = "print('{\"acc\": 1}')"
    places = {"steps = 20 * epochs": "trainer.max_steps", "warmup = lr / 2": "trainer.warmup"}
    settings = {"template": str(tmp_path / "base.yaml"), "map": places}
    train(program, "{config_file}", config_file=settings)
    made = (tmp_path / "attempt-1" / "config_file.yaml").read_text()
    assert made == "lr: 0.25\noptimizer: {name: adam}\ntrainer: {max_steps: 60, warmup: 0.125}\n"
    assert parsed("python t.py {config_file}", config_file=settings).objective.is_told_epochs
    for formula, says in (("steps = 20 * epohcs", "did you mean 'epochs'?"), ("s = optimizer.name", "numbers here")):
        changed = settings | {"map": {formula: "trainer.max_steps"}}
        assert says in refused(command="python t.py {config_file}", config_file=changed)


def test_a_config_file_without_a_template_has_the_values_alone(train, tmp_path):
    program = "import sys; print('{\"acc\": %s}' % open(sys.argv[1]).read().count('0.25'))"
    settings = {"key": "config", "map": {"seed": "run.seed"}}
    assert train(program, "{config_file}", config_file=settings) == {1: {"acc": 1.0}}
    made = json.loads((tmp_path / "attempt-1" / "config_file.json").read_text())
    assert made == {"config": {"lr": 0.25, "optimizer": {"name": "adam"}, "run": {"seed": 7}}}
    says = refused(command="t {config_file}", config_file={"map": {"seed": "lr.seed"}})
    assert "'lr.seed' would lie inside a value" in says


def test_a_trial_shows_the_config_file_that_it_had(tmp_path):
    (tmp_path / "base.yaml").write_text("lr: 0.1\n")
    settings = parsed("python t.py {config_file}", config_file={"template": str(tmp_path / "base.yaml")}).objective
    own = OwnValues(seed=1, epochs=3, trial_dir="again", number=0)
    assert command_line(settings, CONFIG, own)[-1] == "again/config_file.yaml"
    kept = tmp_path / "attempt-1" / "config_file.yaml"
    assert command_line(settings, CONFIG, own, config_file=kept)[-1] == str(kept)


def test_values_go_under_a_key(train, tmp_path):
    (tmp_path / "base.yaml").write_text("optim: {lr: 0.1, optimizer: {name: sgd}}\n")
    program = "import sys; print('{\"acc\": %s}' % open(sys.argv[1]).read().count('0.25'))"
    measured = train(program, "{config_file}", config_file={"template": str(tmp_path / "base.yaml"), "key": "optim"})
    assert measured == {1: {"acc": 1.0}}


@pytest.mark.parametrize(
    ("text", "settings", "says"),
    [
        (None, {}, "can't be read: No such file"),
        ("a: [1", {}, "base.yaml:"),
        ("- 1\n", {}, "a mapping, such as {}"),
        ("lr: 1\n", {"key": "optim"}, "has no key 'optim'"),
        ("lr: 1\n", {"map": {"lrr": "x"}}, "did you mean 'lr'?"),
        ("lr: 1\n", {"map": {"seed": "lr"}}, "two values go to 'lr'"),
        ("lr: {deep: 1}\n", {}, "lr is a mapping"),
        (
            "optim: {lr: 1, name: a}\n",
            {},
            "no place for lr, optimizer.name; allowed: map: {lr: optim.lr, optimizer.name: optim.name}, or add",
        ),
        ("optim: {lr: 1}\n", {"key": "optim"}, "no place for optimizer.name"),
        ("lr: 1\noptimizer: adam\n", {"add": True}, "optimizer is 'adam'"),
        ("lr: 1\noptimizer: {name: a}\n", {"map": {"seed": "run.seed"}}, "map: {seed: PLACE}"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(tmp_path, text, settings, says):
    template = tmp_path / "base.yaml"
    if text is not None:
        template.write_text(text)
    assert says in refused(command="python t.py {config_file}", config_file={"template": str(template), **settings})


def test_a_config_file_gets_new_names_only_if_it_may(train, tmp_path):
    (tmp_path / "base.yaml").write_text("# mine\nseed: 0\n")
    program = "import sys; print('{\"acc\": %s}' % open(sys.argv[1]).read().count('0.25'))"
    settings = {"template": str(tmp_path / "base.yaml"), "add": True}
    assert train(program, "{config_file}", config_file=settings) == {1: {"acc": 1.0}}
    made = (tmp_path / "attempt-1" / "config_file.yaml").read_text()
    assert made == "# mine\nseed: 0\nlr: 0.25\noptimizer: {name: adam}\n"


def test_a_config_file_and_its_placeholder_go_together(tmp_path):
    (tmp_path / "base.yaml").write_text("lr: 1\n")
    assert "unknown placeholder '{config_file}'" in refused(command="python t.py {config_file}")
    assert "never names it" in refused(config_file={"template": str(tmp_path / "base.yaml")})
    (tmp_path / "base.ini").write_text("lr: 1\n")
    says = refused(command="python t.py {config_file}", config_file={"template": str(tmp_path / "base.ini")})
    assert "a file that ends in .yaml" in says


# Logs


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_regular_expression_reads_either_output(train, stream):
    program = f"""
        import sys
        print("epoch 1/3: loss nan, acc=0.5", file=sys.{stream})
        print("nothing here")
        print("epoch 2/3: loss 0.5, acc=7.5e-1", file=sys.{stream})
    """
    measured = train(program, metrics={"regex": r"epoch (?P<epoch>\d+)/.*loss (?P<loss>\S+), acc=(?P<acc>\S+)"})
    assert measured[2] == {"acc": 0.75, "loss": 0.5}
    assert measured[1]["acc"] == 0.5


def test_lines_without_an_epoch_are_counted_and_epochs_may_count_from_zero(train):
    program = "for e in range(3): print('val', e, e / 2)"
    assert train(program, metrics={"regex": r"val \d (?P<acc>\S+)"}) == {n + 1: {"acc": n / 2} for n in range(3)}
    by_epoch = {"regex": r"val (?P<epoch>\d) (?P<acc>\S+)"}
    assert set(train(program, metrics={**by_epoch, "first_epoch": 0})) == {1, 2, 3}
    with pytest.raises(ObjectiveError, match=r"epoch 0; .* set metrics\.first_epoch: 0"):
        train(program, metrics=by_epoch)


def test_what_is_no_number_is_an_error(train):
    with pytest.raises(ObjectiveError, match="found 'good' for acc"):
        train("print('acc good')", metrics={"regex": r"acc (?P<acc>\w+)"})


CSV = """
    import sys, time
    from pathlib import Path
    folder = Path(sys.argv[1]) / "logs"
    folder.mkdir()
    path = folder / "metrics.csv"
    with path.open("w") as file:
        file.write("epoch,step,train_loss,acc,note\\n")
        for epoch in range(3):
            file.write(f"{epoch},{epoch * 10},0.{epoch},,text\\n{epoch},{epoch * 10},,0.{epoch}5,\\n2,9,")
            file.flush()
            GATE
            file.seek(file.tell() - len("2,9,"))
        file.truncate()
"""


def test_a_csv_file_is_followed_and_rows_of_an_epoch_are_joined(train):
    measured = train(
        CSV.replace("GATE", ""), "{trial_dir} {args}", metrics={"csv": "{trial_dir}/logs/metrics.csv", "first_epoch": 0}
    )
    assert measured == {e + 1: {"step": e * 10.0, "train_loss": e / 10, "acc": float(f"0.{e}5")} for e in range(3)}


def test_a_csv_file_is_read_while_the_command_runs(train, tmp_path, monkeypatch):
    # The command waits for a file that is made when its first measurement has come.
    gate = tmp_path / "gate"
    wait = f"\n            while not Path({str(gate)!r}).exists(): time.sleep(0.01)"
    commit = AttemptWriter.commit

    def committed(writer, measurement):
        commit(writer, measurement)
        gate.touch()

    monkeypatch.setattr(AttemptWriter, "commit", committed)
    settings = {"csv": "{trial_dir}/logs/metrics.csv", "first_epoch": 0}
    assert set(train(CSV.replace("GATE", wait), "{trial_dir} {args}", metrics=settings)) == {1, 2, 3}


def test_scalars_of_tensorboard_are_read(train):
    program = """
        import sys
        from torch.utils.tensorboard import SummaryWriter
        writer = SummaryWriter(sys.argv[1] + "/tb/version_0")
        for epoch in range(3):
            writer.add_scalar("train/loss", epoch + 0.5, epoch * 100 + 50)
            writer.add_scalar("acc", epoch / 4, epoch * 100 + 99)
            writer.add_scalar("epoch", epoch, epoch * 100 + 99)
        writer.close()
    """
    measured = train(program, "{trial_dir} {args}", metrics={"tensorboard": "{trial_dir}/tb", "first_epoch": 0})
    assert measured == {e + 1: {"acc": e / 4} for e in range(3)}


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ({"regex": "(?P<acc"}, "is no regular expression"),
        ({"regex": "acc"}, "has no named groups, and none for the metric; allowed: (?P<acc>...) in it"),
        ({"regex": "(?P<loss>.)"}, "has the groups loss"),
        ({"csv": "log.csv"}, "which all trials would share; allowed: a path that begins with {trial_dir}"),
        ({"csv": "{trial_dir}/a", "regex": "(?P<acc>.)"}, "exactly one of"),
        ({}, "exactly one of"),
    ],
)
def test_a_source_that_can_not_give_the_metric_is_refused(metrics, says):
    assert says in refused(metrics=metrics)


def test_a_log_without_the_metric_is_named(train):
    with pytest.raises(ObjectiveError, match=r"ended without 'acc' in .*attempt-1/none\.csv"):
        train("pass", metrics={"csv": "{trial_dir}/none.csv"})


# Another Python


@pytest.fixture
def environment(tmp_path):
    """A virtual environment without pip, and thus made at once."""
    import venv

    venv.create(tmp_path / "env", symlinks=True)
    return tmp_path / "env"


@pytest.mark.parametrize("place", ["", "bin/python"])
@pytest.mark.parametrize("command", [["python"], ["env", "A=1", "python"]])
def test_python_is_the_interpreter_that_is_named(train, environment, place, command):
    program = """
        import json, os, shutil, sys
        from pathlib import Path
        found = {sys.prefix, os.environ["VIRTUAL_ENV"], str(Path(shutil.which("python")).parents[1])}
        print(json.dumps({"acc": len(found)}))
    """
    measured = train(program, [*command, "train.py", "{args}"], interpreter=str(environment / place))
    assert measured == {1: {"acc": 1.0}}


def test_an_interpreter_that_is_not_there_or_not_used_is_refused(tmp_path, environment):
    assert "a Python that is there" in refused(interpreter=str(tmp_path / "none"))
    assert "'bash'; allowed: python or python3 there" in refused(command="bash {args}", interpreter=str(environment))


def test_a_link_to_an_interpreter_stays_a_link(space_file, environment):
    from hpsearch.objectives.space_files import load_space_file

    raw = {"objective": {"python": None, "epochs": 1}}
    path = space_file(**raw)
    content = read_yaml(path)
    content["objective"] = {"epochs": 1, "command": "python t.py {args}", "interpreter": "env/bin/python"}
    path.write_text(json.dumps(content))
    assert load_space_file(path).objective.interpreter == str(environment / "bin/python")


# Going on

RESUME = """
    import argparse, json, os, signal
    from pathlib import Path
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--from", dest="start", default="")
    parser.add_argument("--resume", type=Path)
    options, _ = parser.parse_known_args()
    done = int(options.resume.read_text()) if options.resume else 0
    assert options.start == (str(options.resume.parent) if options.resume else ""), options
    for epoch in range(done + 1, 4):
        (options.out / "done.txt").write_text(str(epoch))
        print(json.dumps({"epoch": epoch, "acc": epoch / 10}), flush=True)
        if epoch == 2 and not done:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_lost_command_gets_the_folder_to_go_on_from(train, tmp_path):
    command = "--out {trial_dir} --from={resume_from} {args}"
    settings = {"resume": "--resume {resume_from}/done.txt"}
    with pytest.raises(ObjectiveError, match="SIGKILL"):
        train(RESUME, command, **settings)
    assert (tmp_path / "attempt-1" / "done.txt").read_text() == "2"
    measured = train(RESUME, command, attempt=2, **settings)
    assert measured == {3: {"acc": 0.3}}
    manifest = json.loads((tmp_path / "attempt-2" / "manifest.json").read_text())
    assert [m["epoch"] for m in manifest["measurements"]] == [1, 2, 3]


def test_placeholders_of_resume_are_checked():
    assert "objective.resume: has an unknown placeholder '{resume_form}'" in refused(resume="--resume {resume_form}")


def test_out_of_memory_of_a_gpu_is_told_from_other_errors(train):
    program = "raise SystemExit('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB')"
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        train(program)
