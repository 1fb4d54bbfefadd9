"""`export --format args` of a command: its script runs with what is written, and `verify` reads it back."""

import json
import shlex
import subprocess
import sys
from contextlib import closing

import pytest

from hpsearch.driver.session import Caller
from hpsearch.driver.verification import Exported
from hpsearch.driver.verification import verify as verify_study
from hpsearch.errors import InputError
from hpsearch.export.read_arguments import read_arguments
from hpsearch.objectives.command.arguments import CommandArguments
from hpsearch.objectives.command.section import Command
from hpsearch.space.parsing import parse_space
from support.bench import INLINE, Bench
from support.cli import invoke, said
from support.documents import with_sections

OPTIONS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--max-epochs", dest="epochs", type=int, default=1)
parser.add_argument("--learning-rate", dest="lr", type=float, default=9.0)
parser.add_argument("--dropout-p", dest="dropout", type=float, default=9.0)
parser.add_argument("-w", dest="widths", type=json.loads, default=[])
vars().update(vars(parser.parse_args()))
"""
PAIRS = """
import ast, sys
lr, dropout, widths, epochs = 9.0, 9.0, [], 1
for argument in sys.argv[1:]:
    key, value = argument.removeprefix("--").split("=", 1)
    assert key in globals(), key
    globals()[key] = ast.literal_eval(value)
"""
PLACES = """
import sys
lr, dropout, widths, epochs = (json.loads(one) for one in sys.argv[1:])
"""
TRAIN = """
json.dump([lr, dropout, widths], open("seen.json", "w"))
for epoch in range(1, epochs + 1):
    print(json.dumps({"epoch": epoch, "val_loss": lr / epoch + dropout}), flush=True)
"""
SPACE = {
    "lr": {"loguniform": [1e-4, 1e-1]},
    "dropout": {"choice": [0.0, 0.5]},
    "widths": {"choice": {"small": [8], "large": [16, 8]}},
}
COMMANDS = {
    "options": (OPTIONS, "--max-epochs {epochs} --dropout-p {dropout} -w {widths} --learning-rate {lr}"),
    "pairs": (PAIRS, "--lr={lr} --epochs={epochs} --dropout={dropout} --widths={widths}"),
    "places": (PLACES, "{lr} {dropout} {widths} {epochs}"),
}


def train(bench: Bench, script: str, arguments: str, settings=None, **sections):
    """Run a study of a script, and return what it found best."""
    (bench.folder / "train.py").write_text(f"import json{script}{TRAIN}")
    path = bench.space(search={"trials": 3}, ensemble=None, space=SPACE)
    objective = {"command": f"{shlex.quote(sys.executable)} train.py {arguments}", "epochs": 2, **(settings or {})}
    usual = {"metric": "val_loss", "direction": "minimize", "prune": None, "finalists": None}
    with_sections(path, **{**usual, "objective": objective, **sections})
    return bench.run(path).best


@pytest.mark.parametrize("form", COMMANDS)
def test_the_script_sees_the_config(bench: Bench, form):
    best = train(bench, *COMMANDS[form])
    assert said("export", "sample", "--to", "best.args").startswith("trial ")
    seen = bench.folder / "seen.json"
    seen.unlink()
    line = f"grep -v '^#' best.args | xargs {shlex.quote(sys.executable)} train.py"
    subprocess.run(["sh", "-c", line], cwd=bench.folder, check=True, stdout=subprocess.DEVNULL)
    assert json.loads(seen.read_text()) == [best.config[name] for name in SPACE]
    text = (bench.folder / "best.args").read_text()
    assert f" train.py {COMMANDS[form][1]}\n" in text
    assert said("export", "sample", "--to", "-", "--format", "args") == text


def test_verify_reads_the_line_back(bench: Bench):
    best = train(bench, *COMMANDS["options"], finalists={"configs": 1, "seeds": 2})
    said("export", "sample", "--to", "best.args")
    with closing(bench.load("sample")) as study:
        caller = Caller(request=INLINE, publish=bench.publish)
        found = verify_study(study, Exported(path=bench.folder / "best.args"), caller, seeds=1)
    assert (found.config, found.differences) == (best.config, {})


def test_verify_takes_what_no_argument_has_from_the_study(bench: Bench):
    command = f"env D={{dropout}} W={{widths}} {shlex.quote(sys.executable)} train.py {{lr}}"
    script = "\nimport sys\nlr, dropout, widths, epochs = float(sys.argv[1]), 0.0, 0, 2\n"
    best = train(bench, script, "", {"command": command}, finalists={"configs": 1, "seeds": 2})
    said("export", "sample", "--to", "best.args")
    (bench.folder / "best.args").write_text("0.07")
    with closing(bench.load("sample")) as study:
        caller = Caller(request=INLINE, publish=bench.publish)
        found = verify_study(study, Exported(path=bench.folder / "best.args"), caller, seeds=1)
    assert found.config == {**best.config, "lr": 0.07}
    assert sorted(found.left_out) == ["dropout", "widths"]


def test_some_parameters_are_written(bench: Bench):
    best = train(bench, *COMMANDS["options"])
    printed = said("export", "sample", "--to", "-", "--format", "args", "--only", "lr")
    assert printed.splitlines()[-1] == f"--learning-rate {best.config['lr']}"
    printed = said("export", "sample", "--to", "-", "--format", "args", "--map", "lr=", "--map", "widths=")
    assert printed.splitlines()[-1] == f"--dropout-p {best.config['dropout']}"


def test_a_map_writes_an_option_for_each_value(bench: Bench):
    best = train(bench, *COMMANDS["options"])
    printed = said("export", "sample", "--to", "-", "--format", "args", "--map", "lr=rate")
    assert f"--rate {best.config['lr']}" in printed.splitlines()[-1]
    assert "# command:" not in printed


def test_the_space_files_map_is_for_its_own_file(bench: Bench):
    train(bench, *COMMANDS["options"], export={"to": "best.txt", "format": "args", "map": {"lr": "rate"}})
    said("export", "sample")
    assert "--learning-rate" in (bench.folder / "best.txt").read_text()


def test_a_command_with_a_config_file_has_no_line(bench: Bench):
    (bench.folder / "base.json").write_text(json.dumps(dict.fromkeys(SPACE, 0)))
    read = "\nimport sys\nvars().update(json.load(open(sys.argv[2])))\nepochs = 2\n"
    settings = {"config_file": {"template": "base.json"}}
    train(bench, read, "--config {config_file}", settings)
    said_of = said("export", "sample", "--to", "-", "--format", "args", code=2)
    assert "the command gets its values in a config file" in said_of
    assert f"allowed: --to {bench.folder / 'base.json'} --key .\n" in said_of


def test_what_stands_before_the_script_is_named(bench: Bench):
    launched = {"command": f"env D={{dropout}} W={{widths}} {shlex.quote(sys.executable)} train.py {{lr}}"}
    train(bench, "\nimport sys\nlr, dropout, widths, epochs = float(sys.argv[1]), 0.0, 0, 2\n", "{lr}", launched)
    result = invoke("export", "sample", "--to", "-", "--format", "args")
    assert "not written: dropout, widths, which the command takes but not as an argument of its script" in result.stderr
    assert "# not in the arguments: dropout, widths" in result.stdout


CONDITIONAL = parse_space(
    {
        "optimizer": {"choice": ["sgd", "adam"]},
        "momentum": {"uniform": [0.0, 0.9], "when": {"optimizer": "sgd"}},
        "layers": {"randint": [1, 4]},
        "amp": True,
        "note": "1e3",
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("--optimizer adam --layers 2 --amp true --note 1e3", {"optimizer": "adam"}),
        ("--optimizer sgd --layers 2 --momentum=5e-1 --amp true --note 1e3", {"optimizer": "sgd", "momentum": 0.5}),
        ("--optimizer sgd --momentum 0 --layers 2 --amp=true \\\n --note '1e3'", {"optimizer": "sgd", "momentum": 0.0}),
    ],
)
def test_arguments_are_read_as_the_types_of_the_space(tmp_path, text, found):
    path = tmp_path / "best.args"
    path.write_text(f"# study: x\n\n{text}\n")
    config = {"layers": 2, "amp": True, "note": "1e3"}
    for arguments in (None, CommandArguments(Command(epochs=1, command="t {args}"))):
        assert read_arguments(path, arguments, {}, CONDITIONAL) == ({**config, **found}, ())


@pytest.mark.parametrize(
    ("text", "names", "says"),
    [
        ("--optimizer sgd --layers 2 --amp true --note 1e3", {}, "best.args: lacks momentum;"),
        ("--optimizer sgd --rate 2", {"layers": "rate"}, "best.args: lacks momentum, amp, note;"),
        ("--layers 2.5", {}, "layers is 2.5; allowed: an integer"),
        ("--layers 'x", {}, "can't be read: No closing quotation"),
        ("--what 1", {}, "can't be read: has '--what'"),
        ("", {"x": "y"}, "--map x: is not in the space"),
    ],
)
def test_a_file_without_the_config_is_refused(tmp_path, text, names, says):
    path = tmp_path / "best.args"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read_arguments(path, None, names, CONDITIONAL)
    assert says in str(raised.value)
