"""What `hpsearch init` makes of the options of public kinds of scripts: at most two edits until a smoke test passes."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from hpsearch.objectives.space_files import load_space_file
from hpsearch.system.documents.reading import load_yaml
from support.cli import invoke

CORPUS = Path(__file__).parent / "corpus"
KINDS = load_yaml((CORPUS / "kinds.yaml").read_text())
FEWEST_KINDS, MOST_EDITS = 20, 2


@pytest.fixture
def drafted(tmp_path, monkeypatch):
    """Copy a script's folder, and return what `init` writes for it."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(CORPUS / "stand_ins"))

    def draft(name):
        folder = tmp_path / name
        shutil.copytree(CORPUS / name, folder)
        monkeypatch.chdir(folder)
        said = invoke("init", KINDS[name]["script"], "--to", "made.yaml").stderr
        assert "not sure of:" in said
        return Path("made.yaml").read_text()

    return draft


def test_there_are_enough_kinds_with_few_edits():
    assert len(KINDS) >= FEWEST_KINDS
    assert {len(kind.get("edits", [])) for kind in KINDS.values()} <= {0, 1, MOST_EDITS}
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    assert folders == {*KINDS, "stand_ins"}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_searched_and_what_stays_out(drafted, name):
    text, kind = drafted(name), KINDS[name]
    config = load_space_file(Path("made.yaml"))
    assert list(config.space.parameters) == kind["searched"]
    assert {"FILL_IN", "CHECK"}.isdisjoint(map(str, config.space.parameters))
    one_line = " ".join(text.replace("\\\n", "").split())
    command = " ".join(str(config.objective.command).replace("\\\n", "").split())
    for words in kind.get("has", []):
        assert words in one_line
    for word in kind.get("never", []):
        assert f"{word} " not in f"{command} "
        assert f"{word}=" not in command


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_smoke_test_passes_after_at_most_two_edits(drafted, name):
    text = drafted(name)
    for edit in KINDS[name].get("edits", []):
        assert text.count(edit["find"]) == 1, f"{edit['find']!r} in\n{text}"
        text = text.replace(edit["find"], edit["put"])
    Path("made.yaml").write_text(text)
    ended = invoke("run", "made.yaml", "--smoke", "--executor", "inline", code=(0, 1, 2))
    assert "smoke test passed" in ended.output, f"{text}\n{ended.output}"
