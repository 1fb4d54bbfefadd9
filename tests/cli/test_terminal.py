"""What commands print to, whatever the terminal and the environment are like."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.cli.terminal import Terminal
from hpsearch.cli.view import print_summary
from hpsearch.study.study import load_study
from support.bench import begin


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def plain(monkeypatch):
    """An environment that says nothing of the terminal."""
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"TERM": ""}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm-256color"}, True),
        ({"FORCE_COLOR": "1"}, True),
    ],
)
def test_only_a_terminal_that_is_known_gets_escape_codes(plain, environment, coloured):
    for name, value in environment.items():
        plain.setenv(name, value)
    file = Tty()
    plain.setattr(sys, "stdout", file)
    Terminal().print("done", style="bold red")
    assert "done" in file.getvalue()
    assert ("\x1b[" in file.getvalue()) == coloured


@pytest.mark.parametrize("term", ["dumb", "xterm"])
@pytest.mark.parametrize(("columns", "width"), [("50", 50), ("5", 20)])
def test_the_width_is_the_one_asked_for_or_one_that_can_be_read(plain, term, columns, width):
    plain.setenv("TERM", term)
    plain.setenv("COLUMNS", columns)
    plain.setattr(sys, "stdout", Tty())
    assert Terminal().width == width


@pytest.mark.parametrize("term", ["dumb", "xterm"])
@pytest.mark.parametrize("columns", ["", "0"])
def test_no_columns_say_nothing_of_the_width(plain, term, columns):
    plain.setenv("TERM", term)
    plain.setattr(sys, "stdout", Tty())
    width = Terminal().width
    plain.setenv("COLUMNS", columns)
    assert Terminal().width == width > 0


@pytest.fixture(scope="module")
def studies(tmp_path_factory) -> Path:
    """A directory with a finished study, which is only read."""
    folder = tmp_path_factory.mktemp("terminals")
    with pytest.MonkeyPatch.context() as patch:
        one = begin(folder, patch)
        one.run(one.space(search={"trials": 3}, finalists={"configs": 1, "seeds": 2}, ensemble=None))
        one.close()
    return folder / "studies"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_all_characters_gets_the_rest(studies, monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    command = [str(Path(sys.executable).with_name("hpsearch")), "show", str(studies / "sample"), "--trial", "0"]
    ended = subprocess.run(command, capture_output=True, check=True)
    assert ended.stderr == b""
    assert "Curve" in ended.stdout.decode(encoding)


def test_long_paths_and_commands_stay_whole(studies, tmp_path, monkeypatch, capsys):
    """They can be copied out of a narrow terminal."""
    elsewhere = tmp_path / ("a-folder-with-a-long-name-" * 3)
    shutil.copytree(studies, elsewhere)
    monkeypatch.chdir(studies)
    monkeypatch.setenv("COLUMNS", "60")
    with closing(load_study(elsewhere / "sample")) as study:
        print_summary(study)
        number = study.best.trial
    lines = capsys.readouterr().out.splitlines()
    assert f"hpsearch show {elsewhere / 'sample'} --trial {number}" in lines
    assert f"store  {elsewhere / 'sample' / 'study.db'}" in lines
