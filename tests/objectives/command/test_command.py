"""The user's command as an objective, with real processes."""

import json
import logging
import math
import os
import shlex
import signal
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.base import iterate
from hpsearch.objectives.command import process as command_process
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.command.line import command_line
from hpsearch.objectives.command.objective import CommandObjective
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.loading import check_objective, load_objective
from hpsearch.objectives.own_values import OwnValues
from hpsearch.objectives.space_files import parse_config
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.trial.folder import LOG
from support.attempts import begun
from support.factories import spec

SPACE = Space({"lr": Range("uniform", 0.0, 1.0)}, {"optimizer.name": "adam"})
CONFIG = {"lr": 0.001, "optimizer.name": "adam"}
DEADLINE_S = 120
EPOCHS = 3


def settings(text, cwd=None):
    return Command(epochs=EPOCHS, command=text, cwd=cwd)


def line(text, config=None, **own):
    own = {"seed": 7, "epochs": EPOCHS, "trial_dir": "/trials/1", "number": 4} | own
    return command_line(settings(text), CONFIG if config is None else config, OwnValues(**own))


# What a command becomes


def test_text_is_split_as_a_shell_would_and_then_filled_in():
    text = """
      python -u 'my train.py' --epochs {epochs} \\
        --seed {seed} --out={trial_dir}/{number}.txt
      --name {optimizer.name} "--lr={lr}"
    """
    assert line(text) == [
        *("python", "-u", "my train.py", "--epochs", "3", "--seed", "7", "--out=/trials/1/4.txt"),
        *("--name", "adam", "--lr=0.001"),
    ]


def test_variables_before_the_program_are_set_by_env():
    assert line("A=1 B='x y' LR={lr} t --lr={lr}") == ["env", "A=1", "B=x y", "LR=0.001", "t", "--lr=0.001"]
    assert line(["A=1", "{lr}"]) == ["A=1", "0.001"]


def test_a_list_is_taken_as_it_is():
    assert line(["my program", "{lr} {seed}", "it's"]) == ["my program", "0.001 7", "it's"]


def test_args_and_overrides_stand_for_all_parameters_and_constants():
    assert line("t {args}") == ["t", "--lr", "0.001", "--optimizer.name", "adam"]
    assert line("t {overrides} -v") == ["t", "lr=0.001", "optimizer.name=adam", "-v"]


def test_doubled_braces_are_braces():
    assert line("t '{{\"lr\": {lr}}}' {{lr}} {{{lr}}}") == ["t", '{"lr": 0.001}', "{lr}", "{0.001}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (3, "3"),
        (1e-5, "1e-05"),
        (0.1 + 0.2, "0.30000000000000004"),
        ([1, {"a": True}], '[1, {"a": true}]'),
        ("", ""),
    ],
)
def test_values_as_text(value, text):
    assert line("t {x}", {"x": value}) == ["t", text]


@given(value=st.text(), other=st.text())
@examples(max_examples=40)  # each reads a whole space file
def test_whatever_a_value_holds_is_one_argument(value, other):
    config = {"x": value, "y": other}
    x = [f"--x={value}"] if value.startswith("-") else ["--x", value]
    y = [f"--y={other}"] if other.startswith("-") else ["--y", other]
    assert line("t a={x}{y} {args}", config) == ["t", f"a={value}{other}", *x, *y]


def test_a_negative_number_reaches_argparse():
    assert line("t {args}", {"x": -1e-3, "y": 2}) == ["t", "--x=-0.001", "--y", "2"]


# What is refused before anything runs


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("t {args} {sede}", "unknown placeholder '{sede}'"),
        ("t {args} {sede}", "did you mean 'seed'?"),
        ("t {optimizer.nmae} {lr}", "did you mean 'optimizer.name'?"),
        ("t {lr}", "never uses 'optimizer.name'"),
        ("t {lr} {{optimizer.name}}", "never uses 'optimizer.name'"),
        ("  \n ", "is empty; allowed: a program"),
        ([""], "is empty"),
        ("t 'a {args}", "can't be split: no closing quotation"),
        ("t --all={args}", "has {args} inside '--all={args}'"),
        ("t {overrides}{lr}", "has {overrides} inside '{overrides}{lr}'"),
        ("t {args} {", "has a single { in '{'"),
        ("t {args} a}", "has a single } in 'a}'"),
        ("t {args} {}", "unknown placeholder '{}'"),
    ],
)
def test_a_wrong_command_is_refused(text, problem):
    with pytest.raises(FieldError) as caught:
        check_command(settings(text), SPACE)
    assert caught.value.path == ("objective", "command")
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["seed", "epochs", "trial_dir", "number", "args", "overrides"])
def test_a_parameter_with_the_name_of_a_placeholder_is_refused(name):
    with pytest.raises(FieldError, match="another name") as caught:
        check_command(settings("t {args}"), Space({name: Range("uniform", 0.0, 1.0)}))
    assert caught.value.path == ("space", name)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FieldError, match=r"^objective\.cwd: found"):
        check_command(settings("t {args}", str(tmp_path / "none")), SPACE)


@pytest.mark.parametrize("text", ["t {args}", "t {overrides}", "t {lr} {optimizer.name} {seed}"])
def test_a_good_command_passes_the_checks(tmp_path, text):
    raw = {
        "study": "s",
        "metric": "accuracy",
        "direction": "maximize",
        "objective": {"epochs": 1, "command": text, "cwd": str(tmp_path)},
        "space": {"lr": {"uniform": [0, 1]}, "optimizer.name": "adam"},
    }
    check_objective(parse_config(raw))
    with pytest.raises(FieldError, match="never uses 'lr'"):
        check_objective(parse_config(raw | {"objective": {"epochs": 1, "command": "t"}}))


# Running it


@pytest.fixture
def run(tmp_path, caplog):
    """Return a function that runs a program as a trial's command, as a worker does, and returns its measurements."""
    caplog.set_level(logging.INFO)

    def run(program, arguments="", *, config=None, attempt=1, cwd=None, stop_after=None):
        script = tmp_path / "program.py"
        script.write_text(program, encoding="utf-8")
        text = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {arguments}"
        trial, writer = make(tmp_path, attempt)
        objective = load_objective(settings(text, cwd))
        objective.setup("cpu")
        assert not objective.can_predict
        with closing(iterate(objective.train, config or {}, trial)) as steps:
            for metrics in steps:
                writer.commit(trial.measure(metrics, 0.0))
                if len(writer.manifest.measurements) == stop_after:
                    break
        return [(m.epoch, dict(m.metrics)) for m in writer.manifest.measurements]

    return run


def make(folder, attempt=1):
    return begun(spec(folder, 4, config={}, attempt=attempt, epochs=EPOCHS, metric="accuracy"))


def gone(pids):
    """Wait until processes are gone, or zombies that nobody collects."""
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                process.wait(DEADLINE_S)
        except psutil.NoSuchProcess:
            pass
    return True


TRAIN = """
import argparse, json, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--text")
parser.add_argument("--lr", type=float)
parser.add_argument("--seed", type=int)
parser.add_argument("--epochs", type=int)
options = parser.parse_args()
assert sys.stdin.read() == ""
print("training", options.text, "in", os.getcwd())
print("progress", file=sys.stderr)
for epoch in range(options.epochs):
    print(json.dumps({"accuracy": options.lr * (epoch + 1), "seed": options.seed, "note": options.text, "done": True}))
with open(os.path.join(os.environ["HPSEARCH_TRIAL_DIR"], "seen.json"), "w") as file:
    json.dump({key: os.environ.get(key) for key in ("PYTHONUNBUFFERED", "HPSEARCH_SEED", "HPSEARCH_RESUME")}, file)
"""
NASTY = "a b '\"; $(touch x) `touch x` | * \\ \n{lr}"


def test_a_program_with_argparse_is_trained(run, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("HPSEARCH_RESUME", "of another study")
    config = {"lr": 0.25, "text": NASTY}
    measured = run(TRAIN, "--seed {seed} --epochs {epochs} {args}", config=config, cwd=str(tmp_path))
    assert measured == [(epoch, {"accuracy": 0.25 * epoch, "seed": 7.0}) for epoch in (1, 2, 3)]
    seen = json.loads((tmp_path / "attempt-1" / "seen.json").read_text())
    assert seen == {"PYTHONUNBUFFERED": "1", "HPSEARCH_SEED": "7", "HPSEARCH_RESUME": None}
    assert not (tmp_path / "x").exists()
    assert caplog.messages[0].startswith("command: ")
    assert "progress" in caplog.messages
    assert f"{{lr}} in {tmp_path}" in caplog.messages
    assert sum(message.startswith("{") and "accuracy" in message for message in caplog.messages) == EPOCHS


def test_lines_arrive_as_they_are_printed(run, tmp_path):
    # The program goes on only once its first measurement is committed.
    manifest = tmp_path / "attempt-1" / "manifest.json"
    waiting = f"""
import os
print('{{"accuracy": 0.5}}')
while not os.path.exists({str(manifest)!r}): pass
print('{{"accuracy": 0.75}}', end="")
"""
    assert run(waiting) == [(1, {"accuracy": 0.5}), (2, {"accuracy": 0.75})]


def test_only_json_objects_with_a_number_as_the_metric_are_measurements(run):
    noise = r"""
print("{not json")
print("[1]")
print('{"loss": 1}')
print('{"accuracy": "good"}')
print('{"accuracy": true}')
print('{"accuracy": {"best": 1}}')
print("{" * 5 + '"a":' * 5)
print('{"a":' * 20_000)
print('{"accuracy": ' + "1" * 5000 + "}")
print('10%\r 50%\r  {"accuracy": 0.5, "epoch": "1/3", "text": "x", "none": null, "huge": ' + "9" * 400 + "}\r")
print('{"accuracy": 0.75}')
print('{"accuracy": 0.75, "epoch": "last"}')
print('{"accuracy": NaN, "loss": -Infinity, "epoch": "2"}')
"""
    (first, found), (second, diverged) = run(noise)
    assert (first, found) == (1, {"accuracy": 0.5, "huge": math.inf})
    assert second == 2
    assert math.isnan(diverged["accuracy"])
    assert diverged["loss"] == -math.inf


def test_null_is_how_strict_json_writes_nan(run):
    ((_, metrics),) = run("""print('{"accuracy": null, "loss": null}')""")
    assert list(metrics) == ["accuracy"]
    assert math.isnan(metrics["accuracy"])


def test_a_huge_line_is_cut_and_does_no_harm(run, caplog):
    huge = """
import sys
for stream in (sys.stdout, sys.stderr):
    for _ in range(64): stream.write("x" * (1 << 20))
    stream.write(chr(10))
sys.stdout.buffer.write(bytes([0xff, 0x00, 10]))
print("0%" * (1 << 20), '{"accuracy": 0.5}', sep=chr(13))
"""
    assert run(huge) == [(1, {"accuracy": 0.5})]
    assert max(map(len, caplog.messages)) < 1 << 19
    assert sum(message.endswith("x [cut]") for message in caplog.messages) == 2
    assert "\ufffd\0" in caplog.messages


def test_given_epochs_may_skip_but_not_go_back(run):
    assert [epoch for epoch, _ in run("""for e in (1, 3): print('{"accuracy": 0, "epoch": %d}' % e)""")] == [1, 3]
    with pytest.raises(ObjectiveError, match="epoch 2, but it came after epoch 2"):
        run("""for _ in range(2): print('{"accuracy": 0, "epoch": 2}')""")
    with pytest.raises(ObjectiveError, match=r"epoch 1, but it came after epoch 2; .*counted: true"):
        run("""for epoch in (1, 2, 1): print('{"accuracy": 0, "epoch": %d}' % epoch)""")
    with pytest.raises(ObjectiveError, match=r"epoch 0; .* set metrics\.first_epoch: 0"):
        run("""print('{"accuracy": 0, "epoch": 0}')""")
    with pytest.raises(ObjectiveError, match=r"epoch 1\.5; allowed: whole epochs"):
        run("""print('{"accuracy": 0, "epoch": 1.5}')""")


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import sys; print('{\"accuracy\": 1}'); sys.exit('out of luck')", "exit code 1: out of luck\n"),
        ("import os; os._exit(3)", "exit code 3$"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "ended with signal 40"),
        (
            "import sys\nfor n in range(1, 31): print(n, file=sys.stderr)\nsys.exit(5)",
            "5: 30\n[^\n]*\n11\n12\n(.*\n){17}30$",
        ),
    ],
)
def test_a_command_that_fails_says_how_and_ends_its_standard_error(run, program, how):
    with pytest.raises(ObjectiveError, match=f"^the command ended with .*{how}".replace("with .*ended with", "with")):
        run(program)


def test_a_command_that_measures_nothing_names_the_metric(run):
    with pytest.raises(ObjectiveError, match="without a line of JSON with 'accuracy'"):
        run("print('{\"loss\": 1}')")


def test_a_program_that_is_not_there_is_named(tmp_path):
    trial, _ = make(tmp_path)
    with pytest.raises(ObjectiveError, match=r"exit code 127: no-such-program: can't be started: .*No such file"):
        list(CommandObjective(settings("no-such-program")).train({}, trial))
    with pytest.raises(ObjectiveError, match=r"can't be started: .*nowhere"):
        list(CommandObjective(settings("true", str(tmp_path / "nowhere"))).train({}, trial))
    with pytest.raises(ObjectiveError, match="can't be started: embedded null byte"):
        list(CommandObjective(settings("t {x}")).train({"x": "\0"}, trial))


def test_a_command_may_write_its_model_after_the_last_epoch(run, tmp_path):
    saving = """
import os
for _ in range(3): print('{"accuracy": 1}')
open(os.path.join(os.environ["HPSEARCH_TRIAL_DIR"], "model"), "w").close()
"""
    assert len(run(saving, stop_after=EPOCHS)) == EPOCHS
    assert (tmp_path / "attempt-1" / "model").exists()


def test_a_command_that_trains_on_after_the_last_epoch_is_ended(run, caplog):
    endless = """
import itertools
for epoch in itertools.count(1): print('{"accuracy": 1, "epoch": %d}' % epoch)
"""
    assert len(run(endless)) == EPOCHS
    assert any(
        record.levelno == logging.WARNING and "goes on after its last epoch" in record.getMessage()
        for record in caplog.records
    )


# Going on after a lost worker

RESUMABLE = """
import json, os
folder, earlier = os.environ["HPSEARCH_TRIAL_DIR"], os.environ.get("HPSEARCH_RESUME")
done = int(open(os.path.join(earlier, "done")).read()) if earlier else 0
print("resumed from", earlier)
for epoch in range(done + 1, 4):
    with open(os.path.join(folder, "done"), "w") as file: file.write(str(epoch))
    print(json.dumps({"accuracy": epoch / 4, "epoch": epoch}))
    if epoch == 2 and not earlier:
        while True: pass
"""


def test_a_resumed_command_takes_over_the_epochs_before_its_first(run, tmp_path, caplog):
    assert len(run(RESUMABLE, stop_after=2)) == 2
    make(tmp_path, attempt=2)  # lost before its command wrote anything
    (tmp_path / "attempt-2" / LOG).touch()
    assert run(RESUMABLE, attempt=3) == [(epoch, {"accuracy": epoch / 4}) for epoch in (1, 2, 3)]
    assert f"resumed from {tmp_path / 'attempt-1'}" in caplog.messages


def test_a_command_that_finds_nothing_left_to_do_has_finished(run):
    run(RESUMABLE, stop_after=2)
    run(RESUMABLE, attempt=2)
    assert [epoch for epoch, _ in run(RESUMABLE, attempt=3)] == [1, 2, 3]


def test_a_resumed_command_may_begin_again(run):
    run(RESUMABLE, stop_after=2)
    assert run("""print('{"accuracy": 0, "epoch": 1}')""", attempt=2) == [(1, {"accuracy": 0.0})]


# Ending it

# Prints the process ids of itself, a child, and a grandchild in a session of its own that has lost its parent.
FAMILY = """
import os, signal, subprocess, sys
code = "import os, signal; {ignore}; print(os.getpid(), flush=True); signal.pause()"
orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {{code!r}}], start_new_session=True)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
parent = subprocess.Popen([sys.executable, "-c", orphan], stdout=subprocess.PIPE)
pids = [os.getpid(), int(child.stdout.readline()), int(parent.stdout.readline())]
parent.wait()
print('{{"accuracy": 1, "self": %d, "child": %d, "orphan": %d}}' % tuple(pids))
{then}
"""
PAUSE = "signal.pause()"
GENTLE, STUBBORN = "0", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the process group is ended")
@pytest.mark.parametrize("ignore", [GENTLE, STUBBORN])
def test_closing_ends_all_that_the_command_started(run, monkeypatch, ignore):
    monkeypatch.setattr(command_process, "_GRACE_S", 0.3)
    ((_, pids),) = run(FAMILY.format(ignore=ignore, then=PAUSE), stop_after=1)
    # At once: closing waits for it.
    assert not [name for name in ("self", "child", "orphan") if psutil.pid_exists(int(pids[name]))]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the process group is ended")
def test_a_command_that_ends_leaves_nothing_behind(run):
    ((_, pids),) = run(FAMILY.format(ignore=GENTLE, then=""))
    assert not [name for name in ("self", "child", "orphan") if psutil.pid_exists(int(pids[name]))]


def test_a_command_may_clean_up_when_it_is_ended(run, tmp_path):
    cleaning = """
import os, signal
def end(*_):
    open(os.path.join(os.environ["HPSEARCH_TRIAL_DIR"], "cleaned"), "w").close()
    raise SystemExit
signal.signal(signal.SIGTERM, end)
print('{"accuracy": 1}')
while True: signal.pause()
"""
    run(cleaning, stop_after=1)
    assert (tmp_path / "attempt-1" / "cleaned").exists()


def test_a_supervisor_that_is_killed_takes_its_command_along(tmp_path):
    trial, _ = make(tmp_path)
    program = "import os, signal; print('{\"accuracy\": %d}' % os.getppid()); signal.pause()"
    steps = CommandObjective(settings([sys.executable, "-c", "{program}"])).train({"program": program}, trial)
    with closing(steps):
        supervisor = int(next(steps)["accuracy"])
        (child,) = psutil.Process(supervisor).children()
        os.kill(supervisor, signal.SIGKILL)
        with pytest.raises(ObjectiveError, match="SIGKILL"):
            next(steps)
    assert gone([child.pid])


WORKER = """
import logging, sys
from hpsearch.objectives.command.section import Command
from hpsearch.trial.handle import Trial
from hpsearch.objectives.command.objective import CommandObjective
from hpsearch.trial.trial import Direction, Stage, TrialSpec
from hpsearch.trial.folder import AttemptWriter
program, folder = sys.argv[1:]
spec = TrialSpec(
    stage=Stage.SEARCH, number=0, config={"program": program}, seed=0, attempt=1, epochs=3,
    metric="accuracy", direction=Direction.MAXIMIZE, folder=folder,
)
writer, log = AttemptWriter(spec, "host:1"), logging.getLogger("trial")
trial = Trial(spec, device="cpu", writer=writer, log=log)
objective = CommandObjective(Command(epochs=3, command=[sys.executable, "-c", "{program}"]))
steps = objective.train(spec.config, trial)
metrics = next(steps)
print(*(int(metrics[name]) for name in ("self", "child", "orphan")), flush=True)
next(steps)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the process group is ended")
@pytest.mark.parametrize(("ending", "ignore"), [(signal.SIGKILL, STUBBORN), (signal.SIGTERM, GENTLE)])
def test_all_that_a_command_started_ends_when_its_worker_is_killed(tmp_path, ending, ignore):
    program = FAMILY.format(ignore=ignore, then=PAUSE)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as worker:
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        assert [psutil.pid_exists(pid) for pid in pids] == [True] * 3
        supervisor = psutil.Process(pids[0]).ppid()
        worker.send_signal(ending)
        worker.wait(DEADLINE_S)
    assert gone([*pids, supervisor])
