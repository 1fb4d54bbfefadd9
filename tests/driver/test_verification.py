"""`verify`: an exported config, retrained with new seeds, against what the finalists promised."""

import json
import random
import shutil
import statistics
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.driver.session import Caller
from hpsearch.driver.verification import Exported, Verification
from hpsearch.driver.verification import verify as verify_study
from hpsearch.errors import InputError, StudyError
from hpsearch.export.read import read_config
from hpsearch.selection.ranking import prediction_interval, seed_statistics
from hpsearch.selection.telling import SeedsToTell
from hpsearch.space.parsing import parse_space
from hpsearch.store.store import Store
from hpsearch.trial.events import Notice, TrialScored
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Direction, Stage
from support.bench import INLINE, Bench, begin
from support.cli import invoke, said
from support.documents import with_sections
from support.repositories import git

NOISY = """
import random

SHIFT = 0.0
SEEDS = []


def train(config, trial):
    SEEDS.append(trial.seed)
    for epoch in trial.epochs():
        yield {"score": 1 - abs(config["lr"] - 0.1) + random.gauss(0, 0.001) + SHIFT, "config": config["wd"]}
"""


def verify(bench, exported=None, **chosen):
    caller = Caller(request=INLINE, publish=bench.publish)
    with closing(bench.load("sample")) as study:
        return verify_study(study, exported or Exported(), caller, **chosen)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with a finished study and its exported config; tests copy it."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        one = begin(folder, patch)
        patch.setattr(sys, "path", [str(folder), *sys.path])
        patch.delitem(sys.modules, "noisy", raising=False)
        (folder / "noisy.py").write_text(NOISY)
        export = {"to": "repo.yaml", "key": "optim"}
        path = one.space(ensemble=None, finalists={"configs": 2, "seeds": 4}, export=export)
        with_sections(path, objective={"python": "noisy:train", "epochs": 2})
        (folder / "repo.yaml").write_text("optim: {lr: 1e-1, wd: 0.5}  # ours\n")
        one.run(path)
        said("export", "sample")
        one.close()
    return folder


@pytest.fixture
def study(bench: Bench, made, monkeypatch):
    shutil.copytree(made, bench.folder, dirs_exist_ok=True)
    monkeypatch.setattr(sys, "path", [str(bench.folder), *sys.path])
    monkeypatch.delitem(sys.modules, "noisy", raising=False)
    put(bench, "module_folder", str(bench.folder))
    return bench.load()


def put(bench: Bench, key: str, value: object) -> None:
    """Write an attribute of the study, which a loaded one can't."""
    with closing(Store.open(bench.studies / "sample")) as store:
        store.put(key, value)


def noisy():
    import noisy

    return noisy


def test_an_exported_config_lands_within_with_new_seeds(bench: Bench, study, monkeypatch):
    before = study.document()
    used = {record.seed for record in study.store.records(Stage.FINALISTS)}
    temporary = bench.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    noisy().SEEDS.clear()
    found = verify(bench)
    best = study.best
    assert found.config == best.config
    assert (found.trial, found.differences, found.outside) == (best.trial, {}, {})
    assert found.within
    assert found.found.n == 4
    wanted = [derive_seed(study.config.seed, Stage.FINALISTS, best.trial, replicate) for replicate in range(4, 8)]
    assert wanted == noisy().SEEDS
    assert not used & set(wanted)
    assert study.document() == before
    assert list(temporary.iterdir()) == []
    assert list(bench.studies.iterdir()) == [study.folder]


@pytest.mark.parametrize("name", ["only.py", "only.yaml"])
def test_what_is_left_out_of_the_file_is_trained_as_in_the_finalist(bench: Bench, study, name):
    path = bench.folder / name
    path.write_text({".py": "rate: float = 1e-1  # ours\n", ".yaml": "rate: !!float 1e-1\n"}[path.suffix])
    options = ("--map", "lr=rate", "--map", "wd=")
    assert said("export", "sample", "--to", path, *options).endswith("left out: wd\n")
    exported = Exported(path=path, names={"lr": "rate", "wd": ""})
    found = verify(bench, exported, seeds=1)
    assert (found.config, found.left_out) == (study.best.config, ("wd",))
    assert verify(bench, Exported(path=path, names={"lr": "rate"}, only=("lr",)), seeds=1).left_out == ("wd",)
    printed = said("verify", "sample", "--from", path, *options, "--executor", "inline", "--seeds", "1")
    assert f"wd: not from the file; as in trial {study.best.trial}\n" in printed
    assert "lacks wd" in said("verify", "sample", "--from", path, "--map", "lr=rate", code=2)


def test_code_that_has_become_worse_or_better_is_seen(bench: Bench, study):
    printed = said("verify", "sample", "--executor", "inline")
    assert "\nwithin 0." in printed or "\nwithin 1." in printed
    noisy().SHIFT = -0.3
    printed = said("verify", "sample", "--executor", "inline", code=1)
    found = verify(bench)
    assert found.within is False
    assert found.found.mean == pytest.approx(found.promised.mean - 0.3, abs=0.05)
    noisy().SHIFT = 0.3
    found = verify(bench, seeds=2)
    assert (found.within, found.found.n) == (False, 2)


def test_other_code_than_the_study_had_is_said(bench: Bench, study, git_identity):
    assert "code:" not in said("verify", "sample", "--executor", "inline", "--seeds", "2")
    git(bench.folder, "init", "-q")
    git(bench.folder, "add", "noisy.py")
    git(bench.folder, "commit", "-qm", "first")
    commit = git(bench.folder, "rev-parse", "HEAD")[:10]
    printed = said("verify", "sample", "--executor", "inline", "--seeds", "2")
    assert f"code: commit {commit} now, in no repository when the study was made\n" in printed
    put(bench, "code", {"commit": "0" * 40, "diff_hash": None, "dirty": False})
    found = verify(bench, seeds=1)
    assert [state.commit for state in found.code] == [git(bench.folder, "rev-parse", "HEAD"), "0" * 40]
    assert not any("code has changed" in e.message for e in bench.events if isinstance(e, Notice))


def test_the_output_and_the_exit_code(bench: Bench, study, capfd):
    noisy().SHIFT = 0.3
    result = invoke("verify", "sample", "--executor", "inline", code=1)
    assert "NOT within" in result.stdout
    assert "it is better than expected: is the same thing measured?" in result.stdout
    result = invoke("verify", "sample", "--executor", "inline", "--json", "--seeds", "2", code=1)
    content = json.loads(result.stdout)
    assert (content["within"], content["direction"], content["found"]["n"]) == (False, "maximize", 2)


def test_rounded_values_are_said_and_trained(bench: Bench, study):
    (bench.folder / "other.json").write_text(json.dumps({"a": {"lr": 2, "wd": 0.25}}))
    found = verify(bench, Exported(path=Path("other.json"), key="a"), seeds=2)
    assert found.config == {"lr": 2.0, "wd": 0.25}
    assert found.differences == {name: (found.config[name], value) for name, value in study.best.config.items()}
    assert found.outside == {"lr": 2.0}
    assert found.found.mean == pytest.approx(-0.9, abs=0.1)
    assert found.within is False


def test_another_finalist_and_one_that_is_none(bench: Bench, study):
    sources = {record.source for record in study.store.records(Stage.FINALISTS)}
    (other,) = sources - {study.best.trial}
    found = verify(bench, trial=other, seeds=1)
    assert found.trial == other
    with pytest.raises(InputError, match="is no finalist; allowed: "):
        verify(bench, trial=99)


def test_an_interval_that_is_wide_beside_the_search_does_not_tell(bench: Bench, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(bench.folder), *sys.path])
    monkeypatch.delitem(sys.modules, "noisy", raising=False)
    (bench.folder / "noisy.py").write_text(NOISY.replace("0.001", "0.3"))
    path = bench.space(ensemble=None, finalists={"configs": 1, "seeds": 3})
    study = bench.run(with_sections(path, objective={"python": "noisy:train", "epochs": 2}))
    said("export", "sample", "--to", "best.yaml")
    shown = ("verify", "sample", "--from", "best.yaml", "--executor", "inline")
    printed = invoke(*shown, code=3).stdout
    assert "\ntoo few seeds to tell: the mean is within " in printed
    assert "where a mean of 3 new seeds lies in 95 of 100 cases, but that is " in printed
    content = json.loads(invoke(*shown, "--json", code=3).stdout)
    assert (content["within"], content["verdict"]) == (None, "too few seeds")
    values = [record.value for record in study.store.records(Stage.SEARCH)]
    assert content["tells"] == pytest.approx((max(values) - statistics.median(values)) / 2)
    needed = content["seeds_to_tell"]
    assert needed["new"] is None
    assert f"; about {needed['each']} new seeds of a finalist with as many would tell" in printed


def verification(promised, found, spread):
    """A comparison of two lists of values."""
    return Verification(
        trial=0,
        metric="score",
        direction=Direction.MAXIMIZE,
        config={},
        differences={},
        outside={},
        promised=seed_statistics(promised),
        found=seed_statistics(found),
        interval=prediction_interval(promised, len(found)),
        spread=spread,
        code=(None, None),
    )


def test_the_verdict_by_hand():
    # Deviation 1, 3 seeds and 3 new ones: 1 +- 4.3027 * sqrt(2/3), so 7.026 wide.
    assert verification([0, 1, 2], [1, 1, 1], 14.1).verdict == "within"
    narrow = verification([0, 1, 2], [1, 1, 1], 14.0)
    assert (narrow.verdict, narrow.within, narrow.tells) == ("too few seeds", None, 7.0)
    # 4 new seeds: 2 * 4.3027 * sqrt(1/3 + 1/4) is 6.57. Pooled: 2 * 4.3027 * sqrt(1/3), 4.97.
    assert narrow.seeds_to_tell == SeedsToTell(new=4, each=3)
    outside = verification([0, 1, 2], [9, 9, 9], 14.0)
    assert (outside.verdict, outside.within, outside.seeds_to_tell) == ("not within", False, None)
    for spread in (None, 0.0):
        assert verification([0, 1, 2], [1, 1, 1], spread).verdict == "within"
    alone = verification([1], [1], 5.0)
    assert (alone.verdict, alone.within, alone.seeds_to_tell) == ("too few seeds", None, None)


def test_a_config_that_fails_is_an_error(bench: Bench, study, monkeypatch):
    monkeypatch.setattr(noisy().random, "gauss", lambda *_: float("nan"))
    with pytest.raises(StudyError, match="none of 2 trials ended with a value"):
        verify(bench, seeds=2)


def test_what_can_not_be_compared_is_refused(bench: Bench):
    study = bench.run(bench.space("climb", finalists=None, ensemble=None))
    with pytest.raises(InputError, match="has no finalists to compare with"):
        verify(bench)
    assert study.document()["finalists"] == []


def test_one_seed_does_not_tell(bench: Bench):
    bench.run(bench.space("climb", finalists={"configs": 1, "seeds": 1}, ensemble=None))
    said("export", "sample", "--to", "best.toml")
    result = invoke("verify", "sample", "--from", "best.toml", "--executor", "inline", code=3)
    assert "\ntoo few seeds to tell: a finalist with one seed does not show" in result.stdout
    assert "; --seeds 3 says how many would tell" in result.stdout
    assert [e.stage for e in bench.events if isinstance(e, TrialScored)][-1] is Stage.FINALISTS


SPACE = parse_space(
    {
        "lr": {"loguniform": [1e-4, 1e-1]},
        "layers": {"randint": [1, 4]},
        "optim.name": {"choice": ["sgd", "adam"]},
        "shape": {"choice": {"small": [1, 2], "large": [3, 4]}},
        "nesterov": True,
    }
)
CONFIG = {"lr": 0.01, "layers": 2, "optim.name": "sgd", "shape": [1, 2], "nesterov": True}


@pytest.mark.parametrize(
    ("name", "text", "key", "names"),
    [
        ("a.yaml", "lr: 1e-2\nlayers: 2\noptim.name: sgd\nshape: [1, 2]\nnesterov: true\n", ".", {}),
        ("a.yml", "m:\n  t: {lr: 1e-2, n: 2}\n  optim: {name: sgd}\n  shape: [1, 2]\n  nesterov: true\n", "m",
         {"lr": "t.lr", "layers": "t.n"}),
        ("a.json", '{"a.b": {"lr": 0.01, "layers": 2, "optim": {"name": "sgd"}, "shape": [1, 2], "nesterov": true}}',
         "a.b", {}),
        ("a.toml", "[x.y]\nlr = 1e-2\nlayers = 2\nshape = [1, 2]\nnesterov = true\n[x.y.optim]\nname = 'sgd'\n",
         "x.y", {}),
    ],
)  # fmt: skip
def test_files_are_read_back(tmp_path, name, text, key, names):
    path = tmp_path / name
    path.write_text(text)
    assert read_config(path, key, names, SPACE) == CONFIG


@pytest.mark.parametrize(
    ("text", "key", "names", "says"),
    [
        ("lr: 1\n", ".", {}, "lacks layers, optim.name, shape, nesterov;"),
        ("a: {lr: 1}\n", "a", {"lr": "b"}, "lacks b, layers, optim.name, shape, nesterov under a"),
        ("lr: 1\n", "no.where", {}, "has no mapping at no.where"),
        ("lr: fast\nlayers: 2\noptim.name: x\nshape: 1\nnesterov: true\n", ".", {}, "lr is 'fast'; allowed: a number"),
        (
            "lr: 1\nlayers: 2.5\noptim.name: x\nshape: 1\nnesterov: true\n",
            ".",
            {},
            "layers is 2.5; allowed: an",
        ),
        ("lr: true\nlayers: 2\noptim.name: x\nshape: 1\nnesterov: true\n", ".", {}, "lr is True"),
        ("lr: [\n", ".", {}, "can't be read"),
        ("- 1\n", ".", {}, "has no mapping at ."),
        ("", ".", {"rate": "x"}, "--map rate: is not in the space"),
    ],
)
def test_what_is_no_config_is_refused(tmp_path, text, key, names, says):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read_config(path, key, names, SPACE)
    assert says in str(raised.value)


def test_files_of_other_kinds_and_none_are_refused(tmp_path):
    for name, says in (("a.env", "allowed: .yaml"), ("none.yaml", "No such file"), (".", "allowed: .yaml")):
        with pytest.raises(InputError, match=says):
            read_config(tmp_path / name, ".", {}, SPACE)


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 3), (5, 2), (5, 5)])
def test_the_interval_holds_a_new_mean_in_95_of_100_cases(n, k):
    rng = random.Random(f"{n} {k}")
    rounds, held = 2000, 0
    for _ in range(rounds):
        low, high = prediction_interval([rng.gauss(3, 2) for _ in range(n)], k)
        held += low <= sum(rng.gauss(3, 2) for _ in range(k)) / k <= high
    assert 0.935 < held / rounds < 0.965


def test_fewer_than_two_values_have_no_interval():
    assert prediction_interval([], 1) is None
    assert prediction_interval([0.5], 1) is None
    assert prediction_interval([0.5, 0.5], 1) == (0.5, 0.5)
