"""The line of an output that says why its program failed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hpsearch.objectives.command.headline import headline

FRAMES = (
    '  File "train.py", line 9, in <module>\n    main()\n    ^^^^^^\n  File "train.py", line 5, in main\n    fit()\n'
)
TRACEBACK = f"Traceback (most recent call last):\n{FRAMES}"
TABLE = """\
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-01-01_00:00:00
  exitcode  : 1 (pid: 9)
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================"""
CUDA = """\
RuntimeError: CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."""
PYDANTIC = """\
pydantic_core._pydantic_core.ValidationError: 1 validation error for Config
lr
  Input should be a valid number [type=float_type, input_value='x', input_type=str]
    For further information visit https://errors.pydantic.dev/2.11/v/float_type"""
IGNORED = f"""\
Exception ignored in: <function Loader.__del__ at 0x7f>
{TRACEBACK}AttributeError: 'Loader' object has no attribute 'workers'"""
RAY = f"""\
{TRACEBACK}ray.exceptions.RayTaskError(ValueError): ray::train() (pid=7, ip=10.0.0.1)
  File "train.py", line 3, in train
    raise ValueError("bad lr")
ValueError: bad lr"""
LOADER = """\
RuntimeError: Caught RuntimeError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "loader.py", line 3, in fetch
    return [self.dataset[i] for i in index]
ValueError: image 7 is broken
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "train.py", line 1, in <module>
  |     raise ExceptionGroup("two", [ValueError("a"), TypeError("b")])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: a
    +---------------- 2 ----------------
    | TypeError: b
    +------------------------------------"""
BOX = """\
Usage: train.py [OPTIONS]
╭─ Error ──────────────────────────────────────────────╮
│ No such option: --batch_size Did you mean --batch-size? │
╰──────────────────────────────────────────────────────╯"""


def prefixed(text: str, before: str) -> str:
    return "\n".join(before + line for line in text.splitlines())


IN_RANK = prefixed(f"{TRACEBACK}ValueError: a", "[rank0]: ")
LAUNCHED = f"{IN_RANK}\nE1127 failed (exitcode: 1)\n{TRACEBACK}{TABLE}"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (f"{TRACEBACK}ValueError: bad lr", "ValueError: bad lr"),
        (
            f"{TRACEBACK}ValueError: bad lr\n\nwandb: Synced 5 file(s)\nwandb: done",
            "ValueError: bad lr",
        ),
        (f"{TRACEBACK}ValueError: bad lr\n/usr/lib/x.py:9: UserWarning: leaked\n  warn(x)", "ValueError: bad lr"),
        (
            (
                f"{TRACEBACK}KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n"
                f"{TRACEBACK}train.data.MissingData: no split"
            ),
            "train.data.MissingData: no split",
        ),
        (
            (
                f"{TRACEBACK}OSError: x\n\nThe above exception was the direct cause of the following exception:\n\n"
                f"{TRACEBACK}RuntimeError: y\n"
            ),
            "RuntimeError: y",
        ),
        (f"{TRACEBACK}ValueError: bad lr\n{IGNORED}", "ValueError: bad lr"),
        (f"{IGNORED}\n{TRACEBACK}AssertionError", "AssertionError"),
        (
            f"Exception in thread Reader:\n{TRACEBACK}EOFError\n{TRACEBACK}ValueError: bad lr",
            "ValueError: bad lr",
        ),
        (f"Exception in thread Reader:\n{TRACEBACK}EOFError: gone", "EOFError: gone"),
        (f"{TRACEBACK}{CUDA}", "RuntimeError: CUDA error: device-side assert triggered"),
        (f"{TRACEBACK}{PYDANTIC}", PYDANTIC.splitlines()[0]),
        (f"{TRACEBACK}ValueError: a\n{TRACEBACK}{TABLE}", "ValueError: a"),
        (
            LAUNCHED,
            "ValueError: a",
        ),
        (
            (
                f"train.py: error: unrecognized arguments: --batch_size\n{TRACEBACK}subprocess.CalledProcessError: "
                "Command '['python', 'train.py']' returned non-zero exit status 2."
            ),
            "train.py: error: unrecognized arguments: --batch_size",
        ),
        (f"{TRACEBACK}{TABLE}", "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"),
        (prefixed(f"{TRACEBACK}ValueError: bad lr", "(Worker pid=7) "), "ValueError: bad lr"),
        (RAY, "ValueError: bad lr"),
        (f"{TRACEBACK}{LOADER}", "ValueError: image 7 is broken"),
        (GROUP, "ExceptionGroup: two (2 sub-exceptions)"),
        (
            (
                f"Error executing job with overrides: ['lr=1']\n{TRACEBACK}ValueError: bad lr\n\nSet "
                "HYDRA_FULL_ERROR=1 for a complete stack trace."
            ),
            "ValueError: bad lr",
        ),
        (
            (
                "Could not override 'lrr'.\nKey 'lrr' is not in struct\n    full_key: lrr\n    object_type=dict\n\n"
                "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace."
            ),
            "Key 'lrr' is not in struct",
        ),
        (
            "usage: train.py [-h] [--lr LR]\ntrain.py: error: argument --lr: invalid float value: 'x'\n",
            "train.py: error: argument --lr: invalid float value: 'x'",
        ),
        (
            ("ERROR: Could not consume arg: --lrr\nUsage: train.py <flags>\n\nFor more, run:\n  train.py --help"),
            "ERROR: Could not consume arg: --lrr",
        ),
        ("Usage: t [OPTIONS]\n\nError: No such option '--lrr'.", "Error: No such option '--lrr'."),
        (BOX, "No such option: --batch_size Did you mean --batch-size?"),
        (
            "FATAL Flags parsing error: Unknown command line flag 'lrr'\nPass --helpshort to see more.",
            "FATAL Flags parsing error: Unknown command line flag 'lrr'",
        ),
        ("run.sh: line 3: pyhton: command not found", "run.sh: line 3: pyhton: command not found"),
        (
            "python: can't open file '/x/trian.py': [Errno 2] No such file or directory",
            "python: can't open file '/x/trian.py': [Errno 2] No such file or directory",
        ),
        (
            "terminate called after throwing an instance of 'c10::Error'\n  what():  out of memory\nAborted",
            "what():  out of memory",
        ),
        (
            'Fatal Python error: Segmentation fault\n\nCurrent thread 0x7f:\n  File "a.py", line 1 in f',
            "Fatal Python error: Segmentation fault",
        ),
        (
            "╭─────── Traceback (most recent call last) ───────╮\n│ train.py:3 in main │\n╰──────╯\nValueError: bad lr",
            "ValueError: bad lr",
        ),
        (
            (
                'ERROR | boom\nTraceback (most recent call last):\n\n> File "a.py", line 3, in <module>\n    f()\n'
                "    └ <function f>\n\nValueError: bad lr\n"
            ),
            "ValueError: bad lr",
        ),
        (f"\x1b[31m{TRACEBACK}\x1b[1mValueError\x1b[0m: bad lr\n", "ValueError: bad lr"),
        (
            "x.js:3\nTypeError: x is not a function\n    at main\n\nNode.js v22",
            "TypeError: x is not a function",
        ),
        ("loading\nno data in /data\n", "no data in /data"),
        (f"{TRACEBACK}KeyboardInterrupt\n", "KeyboardInterrupt"),
        (f"{TRACEBACK}UserWarning: raised by -W error\n", "UserWarning: raised by -W error"),
        ("UserWarning: only told\nno data in /data\n", "no data in /data"),
        ("", ""),
    ],
)
def test_the_line_that_names_what_failed(output, line):
    assert headline(output.splitlines()) == line


def test_an_error_may_stand_in_standard_output():
    traceback = f"{TRACEBACK}ValueError: bad lr".splitlines()
    assert headline(["a warning"], ["epoch 1", *traceback, "a warning"]) == "ValueError: bad lr"
    assert headline([], ["Error: 0.25", "Error: the data is bad", "no data"]) == "no data"
    assert headline(["Error: 0.25", "no data"]) == "no data"
    assert headline([], ["epoch 1", "no data"]) == "no data"
    assert headline(["a warning"], ["epoch 1", "a warning"]) == "a warning"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import json; json.loads('x')", "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("import sys; print('bye', file=sys.stderr); sys.exit('no data')", "no data"),
        ("import atexit\natexit.register(lambda: 1 / 0)\nraise ValueError('bad lr')", "ValueError: bad lr"),
        ("class C:\n def __del__(self): 1 / 0\nc = C()\nc.x = c\nraise ValueError('bad lr')", "ValueError: bad lr"),
        ("import logging; logging.error('%d', 'x')\nraise ValueError('bad lr')", "ValueError: bad lr"),
        ("f(", "SyntaxError: '(' was never closed"),
        ("import argparse; argparse.ArgumentParser('t').parse_args(['--a'])", "t: error: unrecognized arguments: --a"),
        (
            "import subprocess; subprocess.run(['false'], check=True)",
            "subprocess.CalledProcessError: Command '['false']' returned non-zero exit status 1.",
        ),
    ],
)
def test_what_python_itself_prints(code, line):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode
    assert headline(done.stderr.splitlines()) == line
