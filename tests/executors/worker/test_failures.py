"""How exceptions of an objective are written."""

from __future__ import annotations

import importlib
import sys
import traceback

import pytest

from hpsearch.errors import ObjectiveError
from hpsearch.executors.worker.failures import in_a_line, in_full
from hpsearch.objectives.base import iterate
from hpsearch.objectives.python import Python, PythonObjective
from support.attempts import make
from support.documents import write_yaml
from support.factories import sample_raw

OBJECTIVE = """
def fit(rate):
    raise ValueError("bad rate\\nmore of it")


def plain(config, trial):
    for _ in trial.epochs():
        trial.report({"accuracy": fit(config)})


def generator(config, trial):
    for _ in trial.epochs():
        try:
            yield {"accuracy": fit(config)}
        except ValueError as error:
            raise RuntimeError("no luck") from error


def wrong(config, trial):
    for _ in trial.epochs():
        trial.save_checkpoint({"path": __import__("pathlib").Path()})
        yield {"accuracy": 1}
"""


@pytest.fixture
def objective(tmp_path, monkeypatch):
    (tmp_path / "failing_objective.py").write_text(OBJECTIVE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("failing_objective")
    del sys.modules["failing_objective"]


def failure(train, tmp_path) -> BaseException:
    trial, _ = make(tmp_path)
    with pytest.raises(Exception, match=r".") as caught:
        list(iterate(train, {}, trial))
    error = caught.value
    own = [frame for frame in traceback.walk_tb(error.__traceback__) if frame[0].f_code.co_filename != __file__]
    return error.with_traceback(error.__traceback__.tb_next) if own else error


def files(text: str) -> list[str]:
    return [line.split('"')[1].rpartition("/")[2] for line in text.splitlines() if line.startswith("  File ")]


def test_a_traceback_begins_at_the_users_code(objective, tmp_path):
    text = in_full(failure(objective.plain, tmp_path))
    assert files(text) == ["failing_objective.py"] * 2
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: bad rate\nmore of it\n")


def test_so_do_those_of_the_causes(objective, tmp_path):
    text = in_full(failure(objective.generator, tmp_path))
    assert files(text) == ["failing_objective.py"] * 3
    assert text.count("Traceback (most recent call last):") == 2
    assert "direct cause" in text


def test_an_error_of_ours_ends_where_the_objective_called(objective, tmp_path):
    text = in_full(failure(objective.wrong, tmp_path))
    assert files(text) == ["failing_objective.py"]
    assert "CheckpointError: " in text.splitlines()[-1]


def test_one_that_no_users_code_has_raised_has_no_frames():
    def raise_it() -> None:
        raise ObjectiveError("first\nsecond")

    with pytest.raises(ObjectiveError) as caught:
        raise_it()
    assert in_full(caught.value.with_traceback(None)) == "hpsearch.errors.ObjectiveError: first\nsecond\n"


def test_a_line_names_the_exception_of_another_process():
    inner = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    g()\nKeyError: 7\n'
    error = RuntimeError(f"\n\n-- Process 0 terminated with the following error:\n{inner}")
    assert in_a_line(error) == "RuntimeError: KeyError: 7"
    assert in_a_line(ObjectiveError(f"the command ended\n{inner}")) == "ObjectiveError: the command ended"
    assert in_a_line(KeyError(7)) == "KeyError: 7"
    again = IndexError(f"Caught IndexError in a worker.\nOriginal {inner.replace('KeyError', 'IndexError')}")
    assert in_a_line(again) == "IndexError: 7"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("wrong weights:\n\tsize of fc.bias\n\tsize of fc.weight", "RuntimeError: wrong weights: size of fc.bias"),
        ("wrong weights:", "RuntimeError: wrong weights:"),
        ("two\nlines:\nand more", "RuntimeError: two"),
        ("\n \n", "RuntimeError"),
        ("", "RuntimeError"),
    ],
)
def test_a_line_that_announces_the_next_one_has_it_too(text, line):
    assert in_a_line(RuntimeError(text)) == line


def test_what_python_itself_does_before_the_users_code_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "failing_class.py").write_text(
        "class Net:\n    def __init__(self):\n        open('/nowhere/x')\n"
        "    def train(self, config, trial):\n        yield {}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    objective = PythonObjective(Python(python="failing_class:Net", epochs=1))
    with pytest.raises(FileNotFoundError) as caught:
        objective.train({}, make(tmp_path)[0]).send(None)
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert files(in_full(error)) == ["failing_class.py"]


@pytest.mark.parametrize("target", ["objective", "command"])
def test_after_a_smoke_test_the_words_of_the_log_are_printed(cli, target):
    (cli.folder / "wordy.py").write_text(
        "print('all is loaded')\n"
        "def train(config, trial):\n"
        "    trial.log.info('the data is %s', 'odd')\n"
        "    yield {'score': 1 / 0}\n"
        "if __name__ == '__main__':\n"
        "    import sys\n"
        "    print('bye', file=sys.stderr)\n"
        "    1 / 0\n"
    )
    objective = (
        {"python": "wordy:train"} if target == "objective" else {"command": f"{sys.executable} wordy.py {{args}}"}
    )
    space = {"lr": {"uniform": [0.1, 1.0]}}
    raw = sample_raw(space=space) | {"objective": {**objective, "epochs": 2}, "ensemble": None, "space": space}
    write_yaml(cli.folder / "sample.yaml", raw)
    text = cli.run_warm("run", "sample.yaml", "--smoke", "--executor", "inline", code=1).stderr
    words = "the data is odd" if target == "objective" else "all is loaded"
    assert "the log of trial 0 ends so:\n" in text
    assert f"\n    {words}\n" in text
    assert "first 2 trials failed with the same error" in text
    assert "ZeroDivisionError: division by zero" in text.splitlines()[-1]
    assert "trial 2's log" not in text
    assert "resume with" not in text
