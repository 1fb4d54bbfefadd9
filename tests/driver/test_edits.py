"""A space file that was edited after its study was made: what is told, taken, refused, and forced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.config.prune import JUST_STALL
from hpsearch.errors import InputError
from hpsearch.store.store import Store
from hpsearch.study.study import AUTO_MEANS
from hpsearch.trial.events import TrialScored
from hpsearch.trial.trial import Stage
from support.bench import Bench, Stop, begin, results
from support.documents import read_yaml

SPACE = {"lr": {"loguniform": [1e-3, 1.0]}, "wd": {"uniform": [0.0, 1.0]}, "size": {"choice": [1, 2]}}
SMALL = {
    "objective": {"epochs": 2},
    "space": SPACE,
    "search": {"trials": 6, "sampler": "random"},
    "finalists": {"configs": 1, "seeds": 2},
}
NARROW = {"lr": {"loguniform": [1e-3, 1e-2]}}


def write(bench: Bench, **changes: Any) -> Path:
    return bench.space("climb", **{**SMALL, **changes})


def stopped(bench: Bench, after: int = 2, **options: Any) -> None:
    """Make the study, and stop it after some trials."""
    bench.stop_at(TrialScored, after)
    with pytest.raises(Stop):
        bench.run(write(bench), name="sample", **options)
    bench.watch = lambda _: None
    bench.events.clear()


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> Iterator[Bench]:
    """The study that `stopped` makes; tests that it must survive as it is copy it."""
    folder = tmp_path_factory.mktemp("half")
    with pytest.MonkeyPatch.context() as patch:
        made = begin(folder, patch)
        stopped(made)
        yield made
        made.close()


def go_on(bench: Bench, path: Path, **options: Any) -> Any:
    return bench.run(path, name="sample", resume=True, **options)


def test_new_numbers_of_trials_and_a_new_budget_are_taken_and_told(bench):
    stopped(bench)
    path = write(bench, search={"trials": 8, "sampler": "random"}, budget={"epochs": 500})
    study = go_on(bench, path)
    assert bench.notices()[0] == (f"{path} has changed: search.trials: 6 -> 8; budget.epochs: (not there) -> 500")
    assert len(study.store.records(Stage.SEARCH)) == 8
    assert study.store.get("budget")["epochs"] == 500
    (entry,) = study.store.get("edits")["log"]
    assert entry["from_trial"] == 2
    assert entry["changes"] == ["search.trials: 6 -> 8", "budget.epochs: (not there) -> 500"]
    bench.events.clear()
    done = results(study)
    assert results(go_on(bench, path)) == done  # a line that can be repeated
    assert not bench.notices()


def test_what_was_given_beside_the_file_has_not_changed_in_it(bench):
    stopped(bench, overrides=["search.trials=7", "faults.max_retries=1"])
    path = write(bench)
    with_option = go_on(bench, path, overrides=["search.trials=7", "faults.max_retries=1"])
    assert not bench.notices()
    assert len(with_option.store.records(Stage.SEARCH)) == 7
    bench.resume(trials=9).close()
    assert not bench.notices()
    without = go_on(bench, path, overrides=["faults.max_retries=1"])
    assert len(without.store.records(Stage.SEARCH)) == 9


def test_what_touches_no_result_is_taken(bench):
    stopped(bench)
    study = go_on(bench, write(bench, faults={"max_retries": 7}, keep_checkpoints=1))
    assert bench.notices()[0].endswith(
        "has changed: faults.max_retries: (not there) -> 7; keep_checkpoints: (not there) -> 1"
    )
    assert len([*study.folder.glob("trials/*/*/epoch-*.pt")]) == 1
    assert study.config.faults.max_retries == 7
    assert bench.load().config.faults.max_retries == 7


def test_a_study_from_before_auto_keeps_its_rules(bench):
    bench.stop_at(TrialScored, 2)
    with pytest.raises(Stop):
        bench.run(write(bench, prune="auto"), name="sample")
    bench.watch = lambda _: None
    study = bench.load()
    assert study.config.prune.is_auto
    store = Store.open(study.folder)
    store.put(AUTO_MEANS, None)  # as an earlier release has left it
    store.close()
    assert bench.load().config.prune is JUST_STALL
    assert go_on(bench, write(bench, prune="auto", keep_checkpoints=3)).config.prune is JUST_STALL
    assert bench.load().config.keep_checkpoints == 3


REFUSED = {
    'space.lr: {"loguniform": [0.001, 1.0]} -> {"uniform": [0.1, 1.0]}': {
        "space": {**SPACE, "lr": {"uniform": [0.1, 1.0]}}
    },
    'space.size: {"choice": [1, 2]} -> {"choice": [1, 2, 3]}': {"space": {**SPACE, "size": {"choice": [1, 2, 3]}}},
    "space.depth: (not there) -> 3": {"space": {**SPACE, "depth": 3}},
    'space.wd: {"uniform": [0.0, 1.0]} -> (not there)': {"space": {"lr": SPACE["lr"], "size": SPACE["size"]}},
    "objective.epochs: 2 -> 3": {"objective": {"epochs": 3}},
    'search.sampler: "random" -> "sobol"': {"search": {"trials": 6, "sampler": "sobol"}},
    "seed: (not there) -> 5": {"seed": 5},
    'metric: "score" -> "loss"': {"metric": "loss"},
    "finalists.seeds: 2 -> 3": {"finalists": {"configs": 1, "seeds": 3}},
    "prune: (not there) -> null": {"prune": None},
    'constraints: (not there) -> ["lr < wd"]': {"constraints": ["lr < wd"]},
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_would_make_two_studies_of_one_is_refused(bench, half, change):
    shutil.copytree(half.studies, bench.studies)
    before = {path: path.read_bytes() for path in bench.studies.rglob("*") if path.is_file()}
    path = write(bench, **REFUSED[change])
    for force in (False, True):
        with pytest.raises(InputError) as caught:
            go_on(bench, path, force=force)
    message = str(caught.value)
    assert message.startswith(f"{path}: has changed since study sample was made ({change}); allowed: a new search.")
    assert "hpsearch resume sample" in message
    assert "--force" not in message
    assert "search.warm_start" in message
    assert {path: path.read_bytes() for path in bench.studies.rglob("*") if path.is_file()} == before


def test_new_bounds_are_refused_unless_forced(bench):
    stopped(bench)
    path = write(bench, space={**SPACE, **NARROW})
    with pytest.raises(
        InputError, match=r"\(space\.lr: .* -> .*\); allowed: .*--force, which draws the trials to come"
    ):
        go_on(bench, path)
    study = go_on(bench, path, force=True)
    values = [record.params["lr"] for record in study.store.records(Stage.SEARCH)]
    assert len(values) == 6
    assert all(value <= 1e-2 for value in values[2:])
    rounds = study.store.get("rounds")
    assert [(one["start"], one["trials"], one["kind"]) for one in rounds] == [(0, 2, "search"), (2, 4, "edit")]
    assert study.store.get("edits")["log"][0]["from_trial"] == 2
    assert study.store.get("space")["space"]["lr"] == SPACE["lr"], "what the first trials were drawn from stays stored"
    done = results(study)
    assert results(go_on(bench, path)) == done  # forced once, it is the study's
    assert results(bench.resume()) == done


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_forced_edit_that_is_killed_is_done_by_the_same_line_again(bench, monkeypatch, count):
    stopped(bench)
    path = write(bench, space={**SPACE, **NARROW}, search={"trials": 7, "sampler": "random"})
    put, seen = Store.put, [0]

    def dying(self: Store, key: str, value: Any) -> None:
        if key in {"used_up", "rounds", "space", "edits"}:
            seen[0] += 1
            if seen[0] > count:
                raise Stop
        put(self, key, value)

    monkeypatch.setattr(Store, "put", dying)
    with pytest.raises(Stop):
        go_on(bench, path, force=True)
    monkeypatch.setattr(Store, "put", put)
    study = go_on(bench, path, force=True)
    rounds = study.store.get("rounds")
    assert [(one["start"], one["trials"], one["kind"]) for one in rounds] == [(0, 2, "search"), (2, 5, "edit")]
    assert all(record.params["lr"] <= 1e-2 for record in study.store.records(Stage.SEARCH)[2:])


def test_without_trials_to_come_there_is_nothing_to_force(bench):
    bench.run(write(bench), name="sample").close()
    path = write(bench, space={**SPACE, **NARROW})
    with pytest.raises(
        InputError, match=r"--force: all 6 trials of the search were drawn from the old bounds; allowed"
    ):
        go_on(bench, path, force=True)
    study = go_on(bench, path, force=True, overrides=["search.trials=8"])
    assert [record.params["lr"] <= 1e-2 for record in study.store.records(Stage.SEARCH)][6:] == [True, True]


def test_force_is_nothing_by_itself(bench):
    with pytest.raises(InputError, match=r"--force: .*; allowed: with --resume"):
        bench.run(write(bench), force=True)


def test_a_resume_by_name_tells_what_has_changed_and_goes_on_with_what_is_stored(bench):
    stopped(bench)
    path = write(bench, space={**SPACE, **NARROW}, search={"trials": 9, "sampler": "random"})
    study = bench.resume()
    (notice,) = [text for text in bench.notices() if "has changed" in text]
    assert notice == (
        f"{path} has changed since study sample was made (search.trials: 6 -> 9; "
        'space.lr: {"loguniform": [0.001, 1.0]} -> {"loguniform": [0.001, 0.01]}); the study goes on as stored '
        f"(hpsearch run {path} --name sample --resume takes new trials and a new budget)"
    )
    assert len(study.store.records(Stage.SEARCH)) == 6
    assert study.store.get("edits") is None


@pytest.mark.parametrize("content", ["", "study: [", "7", None])
def test_a_file_that_is_gone_or_is_none_any_more_holds_no_resume_up(bench, content):
    stopped(bench)
    path = bench.folder / "sample.yaml"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert bench.resume().state == "done"
    assert not bench.notices()


def test_comments_order_and_layout_are_no_change(bench):
    stopped(bench)
    path = bench.folder / "sample.yaml"
    raw = read_yaml(path)
    path.write_text("# a comment\n" + json.dumps(dict(reversed(raw.items()))))
    assert go_on(bench, path).state == "done"
    assert not bench.notices()
