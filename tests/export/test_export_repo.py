"""`export --branch` into a git repository, and `export --ensemble` as a folder."""

import json

import pytest
import torch

from hpsearch.export.bundle import write_bundle
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.cli import said
from support.documents import read_yaml
from support.repositories import committed, everything, git

CONFIG = {"search": {"trials": 3, "sampler": "random"}, "finalists": {"configs": 1, "seeds": 2}}
REPO = "# ours\noptim:\n  adam: {lr: 1e-1}  # by hand\n  wd: 0.5\n"


@pytest.fixture
def study(bench: Bench, git_identity):
    return bench.run(bench.space(**CONFIG))


@pytest.fixture
def repo(bench: Bench):
    return committed(bench.folder / "repo", {"train.yaml": REPO, "train.py": "print(1)\n"})


def test_a_branch_gets_the_values_and_the_numbers(study, repo):
    (repo / "train.yaml").write_text(REPO.replace("wd: 0.5", "wd: 0.6  # not committed"))
    (repo / "train.py").write_text("print(2)\n")
    before = everything(repo)
    path = repo / "train.yaml"
    printed = said("export", "sample", "--to", path, "--key", "optim", "--map", "lr=adam.lr", "--branch", "tuned")
    assert everything(repo) == before
    assert f"committed as {git(repo, 'rev-parse', '--short', 'tuned')} on the new branch tuned" in printed
    assert git(repo, "diff", "--name-only", "main", "tuned").split() == ["train.yaml", "train.yaml.hpsearch.json"]
    text = git(repo, "show", "tuned:train.yaml")
    best = study.best
    assert read_yaml(text)["optim"] == {"adam": {"lr": best.config["lr"]}, "wd": best.config["wd"]}
    assert "not committed" not in text
    message = git(repo, "log", "-1", "--format=%B", "tuned")
    assert message.startswith(f"Tuned by study sample: score {best.mean:.4f} ± {best.std:.4f} over 2 seeds\n\n")
    assert f"lr = {best.config['lr']}" in message
    assert f"trial: {best.trial}" in message


def test_a_new_file_on_a_branch_is_not_in_the_working_tree(study, repo):
    before = everything(repo)
    assert "would be committed" in said(
        "export", "sample", "--to", repo / "best.yaml", "--branch", "tuned", "--dry-run"
    )
    assert git(repo, "branch", "--list", "tuned") == ""
    said("export", "sample", "--to", repo / "best.yaml", "--branch", "tuned")
    assert everything(repo) == before
    assert f"lr: {study.best.config['lr']}" in git(repo, "show", "tuned:best.yaml")


def test_what_can_not_be_committed_is_refused(bench: Bench, study, repo):
    merged = ("--key", "optim", "--map", "lr=adam.lr", "--branch", "tuned")
    (repo / "new.yaml").write_text(REPO)
    assert "is in no commit yet" in said("export", "sample", "--to", repo / "new.yaml", *merged, code=2)
    (bench.folder / "outside.yaml").write_text(REPO)
    assert "no git repository" in said("export", "sample", "--to", bench.folder / "outside.yaml", *merged, code=2)
    assert (bench.folder / "outside.yaml").read_text() == REPO
    said("export", "sample", "--to", repo / "train.yaml", *merged)
    assert "is there already" in said("export", "sample", "--to", repo / "train.yaml", *merged, code=2)
    git(repo, "checkout", "-q", "tuned")
    again = said("export", "sample", "--to", repo / "train.yaml", *merged[:-1], "more", code=2)
    assert "has these values already" in again
    assert "--branch" in said("export", "sample", "--to", "-", "--format", "yaml", "--branch", "x", code=2)


def test_the_ensemble_is_a_folder_that_ships(bench: Bench, study):
    target = bench.folder / "shipped"
    assert "would be written" in said("export", "sample", "--ensemble", "--to", target, "--dry-run")
    assert not target.exists()
    assert f"written to {target}" in said("export", "sample", "--ensemble", "--to", target)
    content = json.loads((target / "ensemble.json").read_text())
    stored = study.store.get("ensemble")
    assert [(m["trial"], m["seed"], m["weight"]) for m in content["members"]] == [
        (m["trial"], m["seed"], m["weight"]) for m in stored["members"]
    ]
    assert sum(m["weight"] for m in content["members"]) == pytest.approx(1)
    assert (content["val"], content["test"]) == (stored["val"], study.document()["ensemble"]["test"])
    assert content["provenance"]["study"] == "sample"
    for member, kept in zip(content["members"], stored["members"], strict=True):
        assert (target / member["file"]).read_bytes() == (study.folder / kept["checkpoint"]).read_bytes()
        torch.load(target / member["file"], weights_only=True)
        source = study.store.record(Stage.SEARCH, member["trial"])
        assert member["params"] == study.config.space.config_of(source.params)
    assert {path.name for path in target.iterdir()} == {"ensemble.json", *(m["file"] for m in content["members"])}


def test_an_ensemble_that_can_not_be_written_leaves_nothing(bench: Bench, study, monkeypatch):
    before = set(bench.folder.iterdir())
    assert "--to FOLDER" in said("export", "sample", "--ensemble", code=2)
    assert "is there already" in said("export", "sample", "--ensemble", "--to", bench.studies, code=2)
    assert "is not there" in said("export", "sample", "--ensemble", "--to", bench.folder / "no" / "where", code=2)
    refused = said("export", "sample", "--ensemble", "--to", bench.folder / "x", "--key", "a", code=2)
    assert "--key can't be combined with it" in refused
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", _full)
        with pytest.raises(Exception, match="No space left"):
            write_bundle(study, bench.folder / "x")
    (study.folder / study.store.get("ensemble")["members"][0]["checkpoint"]).unlink()
    assert "is gone" in said("export", "sample", "--ensemble", "--to", bench.folder / "x", code=2)
    assert set(bench.folder.iterdir()) == before


def _full(_):
    raise OSError(28, "No space left on device")


def test_without_an_ensemble_there_is_one_message(bench: Bench):
    bench.run(bench.space("climb", finalists=None, ensemble=None))
    assert "has no ensemble" in said("export", "sample", "--ensemble", "--to", bench.folder / "x", code=2)
