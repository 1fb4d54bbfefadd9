"""Studies that start from the trials of an earlier one, or of a file."""

import json

import pytest

from hpsearch.driver.warm_start import earlier_trials
from hpsearch.errors import InputError
from hpsearch.objectives.space_files import parse_config
from hpsearch.study.frame import trials_frame, write_csv
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.factories import sample_raw

SPACE = {
    "lr": {"loguniform": [1e-3, 1.0], "per": "batch_size", "reference": 64},
    "batch_size": {"choice": {"small": 32, "large": 128}},
    "optimizer": {"choice": ["sgd", "adamw"]},
    "momentum": {"uniform": [0.8, 0.99], "when": {"optimizer": "sgd"}},
    "depth": {"randint": [1, 4]},
    "nesterov": {"choice": [True, False, None]},
    "tag": "night",
}
ONLY_SEARCH = {"finalists": None, "ensemble": None, "objective": {"epochs": 1}}
ROWS = ["lr,depth,score", "0.1,1,0.5", "0.2,2,0.9", "0.3,3,0.7"]


def made(space=None, **search):
    space = space or {"lr": {"loguniform": [1e-3, 1.0]}, "depth": {"randint": [1, 4]}}
    return parse_config(sample_raw() | {"space": space, "search": search})


def from_csv(folder, rows=ROWS, space=None, best=1, **search):
    path = folder / "earlier.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = made(space, warm_start={"csv": str(path), "best": best}, **search)
    return earlier_trials(config, folder, None)


def pairs(earlier):
    return [(dict(one.params), one.value) for one in earlier.known]


# Of a file


def test_rows_are_trials(tmp_path):
    earlier = from_csv(tmp_path)
    assert pairs(earlier) == [
        ({"lr": 0.1, "depth": 1}, 0.5),
        ({"lr": 0.2, "depth": 2}, 0.9),
        ({"lr": 0.3, "depth": 3}, 0.7),
    ]
    assert earlier.first == ({"lr": 0.2, "depth": 2},)
    assert earlier.notice.startswith("warm start: 3 trials of ")
    assert "left out" not in earlier.notice


def test_rows_without_a_value_or_that_did_not_end_do_not_count(tmp_path):
    rows = ["lr,depth,score,state", "0.1,1,0.5,COMPLETE", "0.2,2,0.9,PRUNED", "0.2,2,,COMPLETE", "0.2,2,nan,COMPLETE"]
    rows += ["0.2,2,inf,COMPLETE", "0.2,2,high,COMPLETE", "0.2,2", "0.3,2,0.4,COMPLETE"]
    assert pairs(from_csv(tmp_path, rows)) == [({"lr": 0.1, "depth": 1}, 0.5), ({"lr": 0.3, "depth": 2}, 0.4)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("5,1,0.5", "lr: 5.0 is outside of the range; allowed: from 0.001 to 1"),
        ("0.1,1.5,0.5", "depth: found 1.5; allowed: an integer"),
        ("0.1,inf,0.5", "depth: found inf; allowed: an integer"),
        ("0.1,nan,0.5", "depth: found nan; allowed: an integer"),
        ("0.1,deep,0.5", "depth: found 'deep'; allowed: an integer"),
        ("0.1,,0.5", "depth: is missing; allowed: a value"),
    ],
)
def test_rows_that_do_not_fit_are_left_out_and_counted(tmp_path, row, why):
    earlier = from_csv(tmp_path, [*ROWS, row])
    assert len(earlier.known) == 3
    assert f"; 1 left out, the first for {why}" in earlier.notice
    with pytest.raises(InputError, match="has no trial that fits the space, the first: ") as caught:
        from_csv(tmp_path, [ROWS[0], row])
    assert why.partition(";")[0] in str(caught.value)


def test_a_value_that_a_spreadsheet_wrote(tmp_path):
    rows = ["\ufefflr,depth,value,notes", '1E-1,2.0,0.5,"fine, as it was"']
    assert pairs(from_csv(tmp_path, rows)) == [({"lr": 0.1, "depth": 2}, 0.5)]


def test_a_choice_is_known_by_its_name_or_value_as_text(tmp_path):
    space = {"lr": {"uniform": [0, 1]}, "n": {"choice": {"few": 1, "many": 2.5}}, "b": {"choice": [True, None, "x"]}}
    rows = ["lr,n,b,score", "0.5,few,true,1", "0.5,1,True,2", "0.5,2.5,null,3", "0.5,many,x,4", "0.5,none,x,5"]
    earlier = from_csv(tmp_path, rows, space)
    assert [(one.params["n"], one.params["b"]) for one in earlier.known] == [
        ("few", True),
        ("few", True),
        ("many", None),
        ("many", "x"),
    ]
    assert "1 left out, the first for n: found 'none'" in earlier.notice


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["lr,depth", "0.1,2"], "has no values; allowed: a column score or value, and one for each parameter"),
        ([], "has no values"),
        (["lr,depth,score"], "has no values"),
        (["lr,depth,score", "0.1,1,none"], "has no trial that fits the space; allowed: one with trials in its bounds"),
    ],
)
def test_a_file_without_trials_is_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        from_csv(tmp_path, rows)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"search.warm_start.csv: .*absent.csv: can't be read: No such file"):
        earlier_trials(made(warm_start={"csv": str(tmp_path / "absent.csv")}), tmp_path, None)
    path = tmp_path / "binary.csv"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match=r"search.warm_start.csv: .*binary.csv: can't be read"):
        earlier_trials(made(warm_start={"csv": str(path)}), tmp_path, None)


@pytest.mark.parametrize("source", [{}, {"study": "a", "csv": "b"}])
def test_there_is_one_source(source):
    with pytest.raises(InputError, match=r"search.warm_start: .*one of study: NAME and csv: FILE"):
        made(warm_start=source)


# What is trained first


@pytest.mark.parametrize(
    ("best", "trials", "first"),
    [
        (0, 48, []),
        (2, 48, [{"lr": 0.2, "depth": 2}, {"lr": 0.3, "depth": 3}]),
        (9, 48, [{"lr": 0.2, "depth": 2}, {"lr": 0.3, "depth": 3}, {"lr": 0.1, "depth": 1}]),
        (9, 2, [{"lr": 0.2, "depth": 2}, {"lr": 0.3, "depth": 3}]),
    ],
)
def test_the_best_come_first(tmp_path, best, trials, first):
    assert [dict(one) for one in from_csv(tmp_path, best=best, trials=trials).first] == first


def test_given_configs_come_before_the_best_and_none_comes_twice(tmp_path):
    given = [{"lr": 0.2, "depth": 2}, {"lr": 0.5, "depth": 1}]
    assert [dict(one) for one in from_csv(tmp_path, best=2, first=given).first] == [*given, {"lr": 0.3, "depth": 3}]
    # One config with several seeds is one of the best, not several.
    rows = [*ROWS, "0.2,2,0.85", "0.2,2,0.95"]
    assert [one["lr"] for one in from_csv(tmp_path, rows, best=2).first] == [0.2, 0.3]
    assert len(from_csv(tmp_path, rows).known) == 5


def test_given_configs_need_no_warm_start():
    earlier = earlier_trials(made(first=[{"lr": 0.5, "depth": 1}]), None, None)
    assert (earlier.first, earlier.known, earlier.notice) == (({"lr": 0.5, "depth": 1},), (), "")
    assert json.loads(json.dumps(earlier.attributes())) == {"first": [{"lr": 0.5, "depth": 1}], "warm_start": []}


# Of a study


def space_of(bench: Bench, **search):
    return bench.space("any_config", space=SPACE, search={"trials": 6, "sampler": "random", **search}, **ONLY_SEARCH)


def test_a_study_and_its_csv_file_say_the_same(bench: Bench):
    study = bench.run(space_of(bench), name="old")
    write_csv(trials_frame(study), bench.folder / "old.csv")
    both = [
        earlier_trials(made(SPACE, warm_start=source), bench.studies, None)
        for source in ({"study": "old"}, {"csv": str(bench.folder / "old.csv")})
    ]
    records = study.store.records(Stage.SEARCH)
    for earlier in both:
        assert len(earlier.known) == 6
        for one, record in zip(earlier.known, records, strict=True):
            assert one.value == record.value
            assert one.params.keys() == record.params.keys()
            assert dict(one.params) == pytest.approx(dict(record.params))
        assert dict(earlier.first[0]) == pytest.approx(dict(max(records, key=lambda r: r.value).params))
    assert both[0].notice == "warm start: 6 trials of old"
    # Parameters that are gone, and bounds that are narrower.
    narrower = {"lr": {"loguniform": [1e-3, 4.0]}, "depth": {"randint": [1, 2]}}
    earlier = earlier_trials(made(narrower, warm_start={"study": "old"}), bench.studies, None)
    known = [trial["params"] for trial in study.document()["trials"]]
    fitting = [(params["lr"], params["depth"]) for params in known if params["depth"] <= 2]
    assert 0 < len(fitting) < 6
    assert [(one.params["lr"], one.params["depth"]) for one in earlier.known] == fitting
    assert f"; {6 - len(fitting)} left out, the first for depth: " in earlier.notice


def test_a_study_that_starts_from_another(bench: Bench):
    """It trains the best first, and nothing that is known again, also where a kill comes in between."""
    space = {"a": {"choice": ["x", "y"]}, "b": {"randint": [1, 4]}}
    search = {"trials": 3, "sampler": "sobol"}
    old = bench.run(bench.space("any_config", space=space, search=search, **ONLY_SEARCH), name="old")
    search = {"trials": 20, "sampler": "sobol", "warm_start": {"study": "old"}}
    new = bench.run(bench.space("any_config", space=space, search=search, **ONLY_SEARCH), name="new")
    before, after = ([dict(r.params) for r in one.store.records(Stage.SEARCH)] for one in (old, new))
    assert after[0] == old.best.config
    assert len(after) == 1 + 8 - 3
    assert all(params not in before for params in after[1:])
    assert bench.notices()[0] == "warm start: 3 trials of old"


def test_another_metric_is_refused_before_anything_is_made(bench: Bench):
    bench.run(space_of(bench, trials=1), name="old")
    path = space_of(bench, warm_start={"study": "old"})
    with pytest.raises(InputError, match="study old has score, maximize; allowed: a study with score, minimize"):
        bench.run(path, name="new", overrides=["direction=minimize"])
    with pytest.raises(InputError, match="absent: no such study"):
        bench.run(path, name="new", overrides=["search.warm_start.study=absent"])
    assert [folder.name for folder in bench.studies.iterdir()] == ["old"]


def test_a_parameter_with_the_name_of_a_column(bench: Bench):
    """The trials' own seeds are no values of a parameter that is absent."""
    space = {"mode": {"choice": ["a", "b"]}, "seed": {"randint": [0, 2**32], "when": {"mode": "a"}}}
    path = bench.space("any_config", space=space, search={"trials": 3}, **ONLY_SEARCH)
    study = bench.run(path, name="old")
    write_csv(trials_frame(study), bench.folder / "old.csv")
    config = made(space, warm_start={"csv": str(bench.folder / "old.csv")})
    assert [dict(one.params) for one in earlier_trials(config, bench.studies, None).known] == [
        dict(r.params) for r in study.store.records(Stage.SEARCH)
    ]
