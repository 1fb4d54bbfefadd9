"""`hpsearch init --try`: one short trial, and what it says of it."""

import os
import signal
import sys
from pathlib import Path

import pytest

from support.cli import invoke

CSV = """
os.makedirs(a.out_dir + "/v0")
with open(a.out_dir + "/v0/m.csv", "w") as f:
    f.write("epoch," + "val_f1" + chr(10) + "1,2" + chr(10))
"""
HEAD = """
import argparse, json, os, sys
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=5)
p.add_argument("--out-dir", default="out")
{more}
a = p.parse_args()
"""


@pytest.fixture(autouse=True)
def _programs(here, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def tried(body: str, *options: str, more: str = "", code: int = 0) -> str:
    """Try a script with a body; return what the command said."""
    Path("train.py").write_text(HEAD.format(more=more) + body)
    return invoke("init", "train.py", "--try", *options, code=code).stderr


def test_what_was_measured_is_shown():
    body = """
print("loading")
for epoch in range(a.epochs):
    print(f"epoch {epoch} train loss {a.lr:.3f}")
    print("| end of epoch {:3d} | time: {:5.2f}s "
          "| valid loss {:5.2f} |".format(epoch, 1.5, 1 / (epoch + 1)))
"""
    said = tried(body)
    assert "the script printed 5 lines; 2 of them were measurements" in said
    assert "line 3: | end of epoch   0 | time:  1.50s | valid loss  1.00 |" in said
    assert "line 5: | end of epoch   1 |" in said
    assert "epoch 1: valid_loss 1\nepoch 2: valid_loss 0.5\nseconds an epoch: " in said
    assert {path.name for path in Path().iterdir()} == {"train.py", "train.hpsearch.yaml"}


def test_a_printed_space_file_can_be_tried():
    Path("train.py").write_text(HEAD.format(more="") + "print(json.dumps({'val_acc': a.lr}), flush=True)\n" * 2)
    said = invoke("init", "train.py", "--try", "--to", "-")
    assert said.stdout.startswith("# A first space file")
    assert "tr" not in said.stdout.splitlines()[-1]
    assert "2 of them were measurements" in said.stderr
    assert [path.name for path in Path().iterdir()] == ["train.py"]


def test_a_file_is_read_too():
    body = """
os.makedirs(a.out_dir, exist_ok=True)
with open(os.path.join(a.out_dir, "log.csv"), "w") as f:
    f.write("epoch,val_loss\\n")
    for epoch in range(a.epochs):
        f.write(f"{epoch},{1 / (epoch + 1)}\\n")
        f.flush()
"""
    said = tried(body)
    assert "its measurements are in {trial_dir}/log.csv" in said
    assert "epoch 2: val_loss 0.5" in said


def test_near_misses_are_shown_with_what_to_write():
    body = """
def show(d):
    sys.stdout.write(str(d) + chr(10))
    sys.stdout.write("x" * 300 + chr(10))
for e in range(a.epochs):
    show({"val_" + k: a.lr * (e + 1) for k in ("loss", "acc")})
"""
    said = tried(body, code=1)
    assert "nothing was measured: the command ended without" in said
    assert "its last 4 lines:" in said
    assert "near miss: line 3 is a Python dictionary, which is no JSON with val acc" in said
    assert "    metric: val_acc\n    direction: maximize\n    metrics: {regex: 'val_acc'':" in said
    assert max(map(len, said.splitlines())) < 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print(json.dumps({('val_' + 'acc'): a.lr}))", "metric: val_acc\n    direction: maximize\n"),
        ("print('Epoch(val) [%d][5/5]  accu' % 1 + 'racy/top1: 70.5  time: 0.1')", "metric: val_accuracy_top1\n"),
        ("print('2020 | INFO | valid | epoch 001 | lo' + 'ss 8.7 | p' + 'pl 400')", "metric: valid_loss\n"),
        ("print('[0]\\tvalidation-rm' + 'se:0.48')", r"metrics: {regex: '\[(?P<epoch>\d+).*?validation-rmse:"),
        (CSV,
         "metrics: {csv: '{trial_dir}/v0/m.csv'}"),
        ("print(1)", "let the script print a line of JSON after each epoch: print(json.dumps("),
    ],
)  # fmt: skip
def test_other_outputs_get_a_hint(body, said):
    assert said in tried(body, code=1)


def test_a_missing_value_names_the_line_to_edit():
    said = tried("print(open(a.data))", more='p.add_argument("--data", required=True)', code=1)
    rows = Path("train.hpsearch.yaml").read_text().splitlines()
    number = next(number for number, row in enumerate(rows, start=1) if "FILL_IN" in row)
    assert f"edit line {number} of train.hpsearch.yaml: " in said
    hidden = 'for name in ("--alpha",):\n    p.add_argument(name, required=True)'
    Path("train.hpsearch.yaml").unlink()
    said = tried("", more=hidden, code=1)
    rows = Path("train.hpsearch.yaml").read_text().splitlines()
    number = next(number for number, row in enumerate(rows, start=1) if row.strip().startswith("command:"))
    assert f"edit line {number} of train.hpsearch.yaml, the command: the script also needs --alpha" in said


def test_an_error_after_measurements_is_said():
    said = tried("print(json.dumps({'val_loss': 1.0}), flush=True)\nraise SystemExit('out of luck')")
    assert "epoch 1: val_loss 1" in said
    assert "then it failed: " in said


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(cli):
    body = "import time, pathlib\npathlib.Path('begun').touch()\ntime.sleep(600)\n"
    (cli.folder / "train.py").write_text(HEAD.format(more="") + body)
    temporary = cli.folder / "tmp"
    temporary.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = cli.start_warm("init", "train.py", "--try", PATH=path, TMPDIR=str(temporary))
    from support.waiting import wait_until

    wait_until((cli.folder / "begun").exists)
    os.kill(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert not list(temporary.glob("hpsearch-try*"))
    wait_until(lambda: not any("train.py" in " ".join(one.cmdline()) for one in cli.processes()))
