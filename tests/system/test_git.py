"""The state of a repository, and commits that touch nothing else."""

import os

import pytest

from hpsearch.errors import InputError
from hpsearch.system.git import CodeState, code_state, commit_files, top_of
from support.repositories import committed, everything, git

pytestmark = pytest.mark.usefixtures("git_identity")


@pytest.fixture
def repo(tmp_path):
    return committed(
        tmp_path / "repo", {"train.py": "print(1)\n", "conf/a.yaml": "lr: 1e-3\n", ".gitignore": "data/\n"}
    )


def test_a_clean_repository_has_a_commit_and_no_diff(repo):
    state = code_state(repo / "conf")
    assert state == CodeState(git(repo, "rev-parse", "HEAD"), None)
    assert not state.dirty
    assert CodeState.from_dict(state.as_dict()) == state


def test_outside_of_a_repository_there_is_no_state(tmp_path):
    assert code_state(tmp_path) is None
    assert top_of(tmp_path) is None
    assert code_state(tmp_path / "not there") is None


def test_without_git_there_is_no_state(repo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert code_state(repo) is None


def test_changes_change_the_hash_and_going_back_restores_it(repo):
    clean = code_state(repo)
    seen = {clean}
    for text in ("print(2)\n", "print(3)\n"):
        (repo / "train.py").write_text(text)
        seen.add(code_state(repo))
    git(repo, "add", "train.py")
    assert code_state(repo) in seen, "staging changes no code"
    (repo / "new.py").write_text("x = 1\n")
    seen.add(code_state(repo))
    (repo / "new.py").write_text("x = 2\n")
    seen.add(code_state(repo))
    assert len(seen) == 5
    (repo / "new.py").unlink()
    git(repo, "checkout", "-q", "HEAD", "train.py")
    assert code_state(repo) == clean
    os.utime(repo / "train.py", (1, 1))
    assert code_state(repo) == clean, "a new time of a file is no change"


def test_what_trainings_leave_behind_is_no_change(repo):
    clean = code_state(repo)
    (repo / "data").mkdir()
    (repo / "data" / "ignored.py").write_text("x")
    (repo / "log.txt").write_text("epoch 1")
    (repo / "studies" / "s").mkdir(parents=True)
    (repo / "studies" / "s" / "code.py").write_text("x")
    assert code_state(repo, exclude=[repo / "studies"]) == clean
    assert code_state(repo) != clean


def test_a_repository_without_commits_has_a_state(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("print(1)\n")
    state = code_state(tmp_path)
    assert state is not None
    assert state.commit is None
    assert state.dirty


def test_reading_the_state_writes_nothing(repo):
    (repo / "train.py").write_text("print(2)\n")
    before = everything(repo)
    code_state(repo)
    assert everything(repo) == before


def test_a_commit_holds_the_files_and_nothing_else(repo):
    (repo / "train.py").write_text("print('not committed')\n")
    (repo / "staged.py").write_text("y = 1\n")
    git(repo, "add", "staged.py")
    before = everything(repo)
    files = {repo / "conf" / "a.yaml": (b"lr: 5e-4\n", 0o644), repo / "conf" / "a.yaml.hpsearch.json": (b"{}\n", None)}
    commit = commit_files(files, "tuned/lr", "Set lr=5e-4\n\nBody.\n")
    assert everything(repo) == before
    assert git(repo, "rev-parse", "--short", "tuned/lr") == commit
    assert git(repo, "rev-parse", "tuned/lr^") == git(repo, "rev-parse", "main")
    assert git(repo, "diff", "--name-only", "main", "tuned/lr").split() == ["conf/a.yaml", "conf/a.yaml.hpsearch.json"]
    assert git(repo, "show", "tuned/lr:conf/a.yaml") == "lr: 5e-4"
    assert git(repo, "log", "-1", "--format=%s|%an", "tuned/lr") == "Set lr=5e-4|A user"


def test_a_file_keeps_its_executable_bit(repo):
    commit_files({repo / "run.sh": (b"#!/bin/sh\n", 0o755)}, "tuned", "m")
    assert git(repo, "ls-tree", "tuned", "run.sh").startswith("100755")


def test_from_a_linked_working_tree(repo, tmp_path):
    git(repo, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    commit_files({tmp_path / "tree" / "conf" / "a.yaml": (b"lr: 1\n", None)}, "tuned", "m")
    assert git(repo, "show", "tuned:conf/a.yaml") == "lr: 1"


def test_from_within_a_hook(repo, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(repo / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo / "nowhere" / "index"))
    assert top_of(repo) == repo


@pytest.mark.parametrize("branch", ["main", "a..b", "-x", "", "main/sub", "with space", "HEAD"])
def test_a_branch_that_can_not_be_is_refused(repo, branch):
    refs = git(repo, "for-each-ref")
    with pytest.raises(InputError, match="--branch"):
        commit_files({repo / "conf" / "a.yaml": (b"lr: 1\n", None)}, branch, "m")
    assert git(repo, "for-each-ref") == refs


def test_a_branch_with_branches_below_it_is_refused(repo):
    git(repo, "branch", "tuned/a")
    with pytest.raises(InputError, match="is there already"):
        commit_files({repo / "x.yaml": (b"1", None)}, "tuned", "m")


def test_the_same_values_again_make_no_branch(repo):
    with pytest.raises(InputError, match="has these values already"):
        commit_files({repo / "conf" / "a.yaml": (b"lr: 1e-3\n", None)}, "tuned", "m")
    assert git(repo, "branch", "--list", "tuned") == ""


def test_without_a_repository_or_a_commit_or_a_name_it_is_refused(tmp_path, repo, monkeypatch):
    with pytest.raises(InputError, match="no git repository"):
        commit_files({tmp_path / "a.yaml": (b"", None)}, "tuned", "m")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    with pytest.raises(InputError, match="several repositories"):
        commit_files({repo / "a": (b"", None), other / "a": (b"", None)}, "tuned", "m")
    with pytest.raises(InputError, match="no commit yet"):
        commit_files({other / "a": (b"", None)}, "tuned", "m")
    with pytest.raises(InputError, match="no git repository"):
        commit_files({repo / ".git" / "config": (b"", None)}, "tuned", "m")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{who}_NAME")
        monkeypatch.delenv(f"GIT_{who}_EMAIL")
    git(repo, "config", "user.useConfigOnly", "true")
    with pytest.raises(InputError, match="nothing was committed"):
        commit_files({repo / "a": (b"x", None)}, "tuned", "m")
    assert git(repo, "branch", "--list", "tuned") == ""
