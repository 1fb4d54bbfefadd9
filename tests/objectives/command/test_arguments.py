"""A config as arguments of the study's command: what is written, what a parser sees of it, and reading it back."""

import argparse
import contextlib
import io
import shlex

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hpsearch.errors import InputError
from hpsearch.objectives.command.arguments import CommandArguments
from hpsearch.objectives.command.line import as_text, command_line
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.own_values import OwnValues

CONFIG = {"lr": 1e-3, "wd": -0.5, "batch_size": 32, "amp": True, "dims": [8, 16], "note": "it's a b", "none": None}
OWN = OwnValues(seed=7, epochs=30, trial_dir="again", number=3)


def arguments(command, **settings):
    return CommandArguments(Command(epochs=30, command=command, **settings))


def words(command, config=CONFIG, **settings):
    return list(arguments(command, **settings).line(config, OWN).words)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python train.py --epochs {epochs} --batch-size {batch_size} --LR {lr}", "--batch-size 32 --LR 0.001"),
        ("python train.py --batch_size={batch_size} --seed={seed} -l{lr} -w {wd}", "--batch_size=32 -l0.001 -w -0.5"),
        ("python train.py config/small.py --lr={lr} --out_dir={trial_dir} --always=True", "--lr=0.001"),
        ("python train.py --opt=lr={lr},wd={wd} --dims {dims} --amp {amp}",
         "--opt=lr=0.001,wd=-0.5 --dims '[8, 16]' --amp true"),
        ("python train.py fit --data digits --model.lr {lr} --trainer.max_epochs {epochs}", "--model.lr 0.001"),
        ("python train.py optim.lr={lr} seed={seed} +optim.wd={wd} hydra.run.dir={trial_dir}",
         "optim.lr=0.001 +optim.wd=-0.5"),
        ("python train.py --epochs {epochs} lr={lr}", "lr=0.001"),
        ("python train.py --set lr={lr} seed={seed} wd={wd} --quiet", "--set lr=0.001 wd=-0.5"),
        ("python train.py --config-file a.yaml SOLVER.LR {lr} OUTPUT_DIR {trial_dir} SOLVER.DECAY {wd}",
         "SOLVER.LR 0.001 SOLVER.DECAY -0.5"),
        ("python train.py fit optim.lr {lr} epochs {epochs} batch-size {batch_size}", "optim.lr 0.001 batch-size 32"),
        ("python train.py -p lr {lr} -p wd {wd} -p seed {seed}", "-p lr 0.001 -p wd -0.5"),
        ("python train.py --opts MODEL.X 5 SOLVER.LR {lr} NAME x", "--opts SOLVER.LR 0.001"),
        ("make -j train LR={lr} SEED={seed}", "LR=0.001"),
        ("python train.py --gin 'optim.lr = {lr}' -o A.wd={wd} B={seed}", "--gin 'optim.lr = 0.001' -o A.wd=-0.5"),
        ("python train.py --opts SOLVER.LR {lr} SOLVER.MAX_ITER {epochs}", "--opts SOLVER.LR 0.001"),
        ("python train.py --betas 0.9 {lr} 0.5 data/digits --seed {seed}", "--betas 0.9 0.001 0.5"),
        ("python train.py --betas {lr} 0.999 {wd} --amp", "--betas 0.001 0.999 -0.5"),
        ("python train.py --lr {lr} data/digits", "--lr 0.001"),
        ("python train.py --seed {seed} {lr} {wd}", "0.001 -0.5"),
        ("python train.py data {lr} {seed} adam {wd}", "0.001 7 adam -0.5"),
        ("python train.py {seed} {lr} {trial_dir}", "7 0.001 again"),
        ("python train.py {trial_dir} --lr {lr}", "--lr 0.001"),
        ("python train.py --name lr{lr}-{seed} --lr {lr} --steps {epochs}x{wd}", "--lr 0.001 --steps 30x-0.5"),
        ("python train.py --grid '{{{lr}}}' -- {wd}", "--grid '{0.001}' -- -0.5"),
        ("python -u -X dev -m pkg.train fit --lr {lr}", "--lr 0.001"),
        ("python -m torch.distributed.run --nproc-per-node 2 train.py --lr {lr}", "--lr 0.001"),
        ("torchrun --nproc-per-node={batch_size} -m pkg.train {lr}", "0.001"),
        ("uv run --no-sync python -u train.py --lr {lr}", "--lr 0.001"),
        ("env A=1 python train.py {lr}", "0.001"),
        ("A=1 B={batch_size} python train.py {lr}", "0.001"),
        ("A='x y' torchrun --nproc-per-node 2 train.py --lr {lr}", "--lr 0.001"),
        (["bash", "-c", "python prepare.py --out {trial_dir} {env:HOME}; python train.py --lr {lr}"], "--lr 0.001"),
        ("accelerate launch --mixed_precision {note} train.py --lr {lr}", "--lr 0.001"),
        ("sh -c 'exec python train.py \"$@\"' sh --lr {lr}", "--lr 0.001"),
        ("./train --lr {lr}", "--lr 0.001"),
        ("bash -c 'source env/bin/activate && A=1 exec python train.py --lr {lr} --out {trial_dir} 2>&1 | tee log'",
         "--lr 0.001"),
        (["bash", "-ec", "cd x; t --n {n = 2 * batch_size} --l '{lr}' > log"], "--n 64 --l 0.001"),
        (["my tool", "--note", "{note}", "{lr} {wd}"], "--note 'it'\"'\"'s a b' '0.001 -0.5'"),
        (["python", "train.py", "{overrides}", "out={trial_dir}"],
         "lr=0.001 wd=-0.5 batch_size=32 amp=true 'dims=[8, 16]' 'note=it'\"'\"'s a b' none=null"),
        ("python train.py --out {trial_dir} {args}",
         "--lr 0.001 --wd=-0.5 --batch_size 32 --amp true --dims '[8, 16]' --note 'it'\"'\"'s a b' --none null"),
    ],
)  # fmt: skip
def test_what_the_command_takes_is_written_as_it_spells_it(command, expected):
    assert words(command) == shlex.split(expected)


def test_what_is_not_among_the_scripts_arguments_is_named(tmp_path):
    command = "accelerate launch --mixed_precision {note} train.py --lr {lr} --n {epochs}-{wd}"
    line = arguments(command).line(CONFIG, OWN)
    assert line.missing == ("batch_size", "amp", "dims", "note", "none")
    assert line.own == {"epochs": 30}
    assert line.command == command
    template = tmp_path / "base.yaml"
    template.write_text("lr: 1\n")
    made = {"template": str(template), "map": {"lr": "optim.lr", "epochs": "epochs"}}
    line = arguments("t --config {config_file} --lr {lr}", config_file=made).line({"lr": 0.1, "wd": 0.2}, OWN)
    assert (line.words, line.missing) == (("--lr", "0.1"), ("wd",))
    assert line.config_file == f"--to {template} --key . --map lr=optim.lr"


def test_some_of_the_names_are_written():
    command = "python train.py --lr {lr} --both {wd},{batch_size} {flag:amp} {overrides}"
    line = arguments(command).line(CONFIG, OWN, only=("lr", "dims"))
    assert list(line.words) == ["--lr", "0.001", "lr=0.001", "dims=[8, 16]"]
    line = arguments("t --lr {lr} --both {wd},{batch_size}").line(CONFIG, OWN, only=("wd", "note"))
    assert (line.words, line.missing) == (("--both", "-0.5,32"), ("note",))


def test_inactive_parameters_and_resuming_leave_nothing():
    settings = {"resume": "--resume {resume_from}/last.pt"}
    assert words("python train.py {args}", {"lr": 0.1}, **settings) == ["--lr", "0.1"]
    assert words("python train.py --resume {resume_from} {overrides}", {"lr": 0.1}) == ["lr=0.1"]


def test_a_line_that_was_edited_is_read():
    reader = arguments("python train.py {amp} --lr {lr} --wd={wd} -b {batch_size}")
    names = dict.fromkeys(("lr", "wd", "batch_size", "amp"), ())
    assert reader.read(shlex.split("-b 8 --wd 2 --lr=1e-2 true"), names) == {
        "batch_size": "8",
        "wd": "2",
        "lr": "1e-2",
        "amp": "true",
    }
    assert CommandArguments().read(["--wd", "2", "--lr=-1"], names) == {"wd": "2", "lr": "-1"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--lr 1 --momentum 2", "has '--momentum', which is no value of the config; allowed: --lr {lr} --wd={wd}"),
        ("--lr 1 --lr 2", "has '--lr'"),
        ("--lr", "has '--lr'"),
        ("--wd=1 --both=2-3", "wd is '1' and '2'; allowed: one value"),
    ],
)
def test_a_line_of_something_else_is_refused(line, says):
    reader = arguments("python train.py --lr {lr} --wd={wd} --both={wd}-{amp}")
    with pytest.raises(InputError) as raised:
        reader.read(shlex.split(line), dict.fromkeys(("lr", "wd", "amp"), ()))
    assert says in str(raised.value)


# Generated commands, and a parser for each


class Script:
    """A command of several forms, and the parser that its script would have."""

    def __init__(self) -> None:
        self.command: list[list[str]] = []
        self.parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
        self.labels: list[str] = []
        self.seen: list[str] = []  # what the parser knows of the config

    def option(self, names, *, equals=False, short=False, between=""):
        """An option with one value for each name, or with all of them in one text."""
        at = len(self.command)
        spelling = f"-{'ABCDEFGHIJKLMNOP'[at]}" if short else f"--opt-{at}"
        count = 1 if equals or between else len(names)
        self.parser.add_argument(spelling, dest=f"option{at}", nargs=None if count == 1 else count)
        values = [between.join(f"{{{name}}}" for name in names)] if count == 1 else [f"{{{name}}}" for name in names]
        self.command.append([f"{spelling}={values[0]}"] if equals else [spelling, *values])
        self.seen.append(f"option{at}")

    def flag(self, name):
        at = len(self.command)
        for spelling, value in ((f"--yes-{at}", True), (f"--no-{at}", False)):
            self.parser.add_argument(spelling, dest=f"option{at}", action="store_const", const=value)
        self.command.append([f"{{flag:{name}|--yes-{at}|--no-{at}}}"])
        self.seen.append(f"option{at}")

    def label(self, name):
        key = f"group.key{len(self.command)}"
        self.command.append([f"{key}={{{name}}}"])
        self.labels.append(key)

    def other(self, words, **declared):
        self.parser.add_argument(words[0].partition("=")[0], **declared)
        self.command.append(words)

    def see(self, line):
        """Return what a script sees of a line: its options, and what it reads as name=value."""
        with contextlib.redirect_stderr(io.StringIO()):
            found, rest = self.parser.parse_known_args(line)
        pairs = dict(one.split("=", 1) for one in rest if "=" in one)
        return {name: getattr(found, name) for name in self.seen}, {key: pairs.get(key) for key in self.labels}, rest


OTHERS = (
    (["--epochs", "{epochs}"], {}),
    (["--seed={seed}"], {}),
    (["--out", "{trial_dir}"], {}),
    (["--quiet"], {"action": "store_true"}),
    (["--data", "digits"], {}),
)
TEXTS = st.text("xy 'z\"$\\{}", max_size=5)
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-99, 99),
    st.booleans(),
    st.none(),
    TEXTS,
    st.lists(st.integers(0, 9) | TEXTS, max_size=3),
)


CONFIGS = st.dictionaries(st.text("abc_.", min_size=1, max_size=5), VALUES, min_size=1, max_size=6)


@st.composite
def scripts(draw):
    """A script, its command as text or as a list, and a config that all of it takes."""
    config = draw(CONFIGS)
    script, left = Script(), list(config)
    makers = [lambda words=words, declared=declared: script.other(words, **declared) for words, declared in OTHERS]
    makers = draw(st.lists(st.sampled_from(makers), unique=True))
    while left:
        flag = ("flag",) if isinstance(config[left[0]], bool) else ()
        form = draw(st.sampled_from((*flag, "option", "equals", "short", "both", "joined", "label")))
        some, left = (left[:2], left[2:]) if form in ("both", "joined") else (left[:1], left[1:])
        makers.append(
            {
                "option": lambda some=some: script.option(some),
                "equals": lambda some=some: script.option(some, equals=True),
                "short": lambda some=some: script.option(some, short=True),
                "both": lambda some=some: script.option(some),
                "joined": lambda some=some: script.option(some, between=",,"),
                "flag": lambda some=some: script.flag(some[0]),
                "label": lambda some=some: script.label(some[0]),
            }[form]
        )
    for make in draw(st.permutations(makers)):
        make()
    program = draw(st.sampled_from((["python", "train.py"], ["torchrun", "--nproc", "2", "-m", "t"], ["./train"])))
    command = [*program, *(word for words in script.command for word in words)]
    return script, config, draw(st.sampled_from((command, shlex.join(command)))), len(program)


@given(scripts())
def test_a_parser_sees_the_config_of_the_trial(made):
    script, config, command, program = made
    settings = Command(epochs=30, command=command)
    try:
        trained = script.see(command_line(settings, config, OWN)[program:])
    except SystemExit:
        reject()  # argparse refuses the trial too: a value that begins with - after its option
    line = CommandArguments(settings).line(config, OWN)
    seen = script.see(list(line.words))
    assert seen[:2] == trained[:2]
    assert not {"30", "--seed=7", "again"} & {*line.words} - set(map(str, config.values()))
    assert line.missing == ()
    assert (line.own, line.config_file) == ({}, "")


def read_back(one, config, others=()):
    """Return what is read of the line for a config, which may have had other values."""
    values = {name: (*others, value) for name, value in config.items()}
    return one.read(one.line(config, OWN).words, values)


@given(scripts())
def test_what_is_written_is_read_back(made):
    _, config, command, _ = made
    assert read_back(arguments(command), config) == {name: as_text(value) for name, value in config.items()}


@given(CONFIGS, st.sampled_from(("args", "overrides")))
def test_all_at_once_is_read_back(config, placeholder):
    one = arguments(["python", "train.py", f"{{{placeholder}}}", "--seed", "{seed}"])
    assert read_back(one, config) == {name: as_text(value) for name, value in config.items()}


@pytest.mark.parametrize(
    ("command", "true", "false"),
    [
        ("t {flag:amp} --lr {lr}", "--amp --lr 0.1", "--lr 0.1"),
        ("t --lr {lr} --epochs {epochs} {flag:amp|--no-amp}", "--lr 0.1 --amp", "--lr 0.1 --no-amp"),
        ("t --x {flag:amp|--precision 16|} lr={lr}", "--precision 16 lr=0.1", "lr=0.1"),
        ("t {flag: amp||--full} {lr}", "0.1", "--full 0.1"),
        ("t {flag:amp} --lr {lr} {flag:quiet}", "--amp --lr 0.1", "--lr 0.1"),
    ],
)
def test_flags_are_written_and_read(command, true, false):
    one = arguments(command)
    for value, line in ((True, true), (False, false)):
        config = {"lr": 0.1, "amp": value}
        assert shlex.join(one.line(config, OWN).words) == line
        found = one.read(shlex.split(line), {"lr": (0.1, 0.2), "amp": (True, False), "quiet": ()})
        assert found == {"lr": "0.1", "amp": as_text(value)}


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("t --lr {lr} --max-iters {iters = 20 * epochs} --every {iters} --n={bs}", "--lr 0.1 --n=32"),
        ("t --lr {lr} --min-lr {least = lr / 10} --n={bs}", "--lr 0.1 --min-lr 0.01 --n=32"),
        ("t --lr={lr} --n {bs} --steps {steps = epochs * 640 / bs}", "--lr=0.1 --n 32"),
        ("t --lr={lr} --n {bs} --grid {half = bs / 2}x{lr}", "--lr=0.1 --n 32 --grid 16x0.1"),
        ("t lr={lr} 'n={bs}' iters={iters = 20 * epochs}", "lr=0.1 n=32"),
    ],
)
def test_numbers_that_are_computed(command, line):
    one = arguments(command)
    written = one.line({"lr": 0.1, "bs": 32}, OWN)
    assert (shlex.join(written.words), written.own) == (line, {})
    assert one.read(written.words, {"lr": (0.1,), "bs": (32,)}) == {"lr": "0.1", "bs": "32"}


def test_a_number_of_the_trials_own_is_written_where_a_parameter_has_no_other_place():
    line = arguments("t --lr {lr} --warmup {w = share * epochs}").line({"lr": 0.1, "share": 0.5}, OWN)
    assert (line.words, line.own) == (("--lr", "0.1", "--warmup", "15"), {"epochs": 30})
