"""The directory of studies in a git repository: git ignores it, and nothing that the user wrote is touched."""

from pathlib import Path

import pytest

from hpsearch.driver.ignoring import forget_own_ignore, keep_out_of_git
from hpsearch.errors import InputError
from support.bench import Bench
from support.repositories import committed, git

SMALL = {"search": {"trials": 2}, "objective": {"epochs": 1}, "finalists": None, "ensemble": None}


@pytest.fixture
def repository(tmp_path):
    return committed(tmp_path / "repository", {"train.py": "x = 1\n"})


def made(studies: Path, name: str = "cnn") -> Path:
    """Make a folder like a study's."""
    folder = studies / name
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    return folder


def test_a_directory_in_a_repository_is_ignored_from_its_first_study_on(repository):
    folder = made(repository / "studies")
    assert keep_out_of_git(folder) == f"git did not ignore {folder.parent}: .gitignore was written there"
    assert git(repository, "status", "--porcelain") == ""
    assert keep_out_of_git(made(repository / "studies", "cnn-2")) == ""


def test_outside_of_a_repository_nothing_happens(tmp_path):
    folder = made(tmp_path / "studies")
    assert keep_out_of_git(folder) == ""
    assert list(folder.parent.iterdir()) == [folder]


def test_without_git_nothing_happens(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert keep_out_of_git(made(repository / "studies")) == ""


@pytest.mark.parametrize("where", [".gitignore", "studies/.gitignore", ".git/info/exclude"])
def test_what_is_ignored_already_is_left_alone(repository, where):
    folder = made(repository / "studies")
    (repository / where).write_text("studies/\ncnn/\n")
    before = sorted(folder.parent.iterdir())
    assert keep_out_of_git(folder) == ""
    assert sorted(folder.parent.iterdir()) == before


def test_a_repository_that_keeps_a_page_among_its_studies(tmp_path):
    files = {"studies/README.md": "", "studies/.gitignore": "*\n!README.md\n!.gitignore\n"}
    repository = committed(tmp_path, files)
    assert keep_out_of_git(made(repository / "studies")) == ""
    assert (repository / "studies/.gitignore").read_text() == files["studies/.gitignore"]


@pytest.mark.parametrize("name", ["README.md", "train.py", ".gitignore", "data/labels.csv"])
def test_a_directory_with_other_files_is_only_named(repository, name):
    folder = made(repository / "studies")
    path = folder.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine\n")
    assert keep_out_of_git(folder) == f"git does not ignore {folder}: add it to a .gitignore"
    assert path.read_text() == "mine\n"
    assert name == ".gitignore" or not (folder.parent / ".gitignore").exists()


def test_the_top_of_a_repository_is_never_ignored(repository):
    assert keep_out_of_git(made(repository)).endswith("repository/cnn: add it to a .gitignore")
    assert not (repository / ".gitignore").exists()


def test_a_study_that_git_tracks_is_left_alone(repository):
    made(repository / "studies")
    git(repository, "add", ".")
    folder = made(repository / "studies", "new")
    assert "add it to a .gitignore" in keep_out_of_git(folder)
    assert not (folder.parent / ".gitignore").exists()


def test_only_the_own_file_is_removed_again(repository):
    folder = made(repository / "studies")
    keep_out_of_git(folder)
    forget_own_ignore(folder.parent)
    assert (folder.parent / ".gitignore").exists()
    (folder / "study.json").unlink()
    folder.rmdir()
    forget_own_ignore(folder.parent)
    assert list(folder.parent.iterdir()) == []
    (folder.parent / ".gitignore").write_text("*\n")
    forget_own_ignore(folder.parent)
    assert (folder.parent / ".gitignore").exists()


def test_a_study_says_it_once(bench: Bench):
    git(bench.folder, "init", "-q")
    space = bench.space("climb", **SMALL)
    bench.run(space).close()
    bench.run(space, name="another").close()
    assert sum(".gitignore was written" in line for line in bench.notices()) == 1
    assert "studies" not in git(bench.folder, "status", "--porcelain")


def test_a_study_that_can_not_be_made_leaves_no_file(bench: Bench):
    git(bench.folder, "init", "-q")
    with pytest.raises(InputError, match="nothing else ends the search"):
        bench.run(bench.space("climb", search={"trials": None}, budget={"gpu_hours": 1.0}))
    assert not bench.studies.exists()
