"""Studies whose sampler is written for Optuna, through the command and through kills."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch.errors import FieldError
from hpsearch.samplers.projection import Curve, projected_finals
from hpsearch.trial.events import TrialMeasured, TrialStarted
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Bench, Stop, results

ONLY_SEARCH = {"finalists": None, "ensemble": None, "objective": {"epochs": 2}}
GENETIC = {"optuna": "optuna.samplers:NSGAIISampler", "population_size": 3}
INLINE = ("--executor", "inline")
OWN = """
import optuna


class Told(optuna.samplers.RandomSampler):
    '''Draws at random, and writes how many trials it was told of.'''

    def __init__(self, path, seed=None):
        super().__init__(seed=seed)
        self.path = path

    def sample_relative(self, study, trial, search_space):
        values = [one.value for one in study.get_trials(deepcopy=False) if one.state.is_finished()]
        with open(self.path, "a") as file:
            file.write(f"{len(values)} {trial.number}\\n")
        return {}
"""


def search_space(bench: Bench, sampler: object, function: str = "climb", **search: object) -> Path:
    return bench.space(function, search={"sampler": sampler, "trials": 8, **search}, **ONLY_SEARCH)


def noted(study) -> list[dict]:
    return [dict(record.asked) for record in study.store.records(Stage.SEARCH)]


def test_a_class_beside_the_space_file_works_through_the_command(bench: Bench, invoke):
    name = f"own_{bench.folder.name}".replace("-", "_")
    (bench.folder / "spaces").mkdir()
    (bench.folder / "spaces" / f"{name}.py").write_text(OWN)
    asked = bench.folder / "asked.txt"
    path = search_space(bench, {"optuna": f"{name}:Told", "path": str(asked)})
    path = path.rename(path.parent / "spaces" / path.name)
    invoke("run", path, *INLINE, "--set", "search.trials=3")
    invoke("resume", "sample", "--trials", 5, *INLINE)
    rehearsal = ["0 0", "20 20"]
    assert asked.read_text().splitlines() == [*rehearsal, "0 0", "1 1", "2 2", *rehearsal, "3 3", "4 4"]
    assert len(json.loads(invoke("show", "sample", "--json").stdout)["trials"]) == 5
    assert "sample" in invoke("show", "sample").stdout


def test_the_command_line_sets_an_argument_and_names_what_is_wrong(bench: Bench, invoke):
    path = search_space(bench, GENETIC, trials=2)
    invoke("run", path, *INLINE, "--set", "search.sampler.population_size=2")
    message = invoke("run", path, *INLINE, "--set", "search.sampler.population_siz=2", code=2).stderr
    assert "search.sampler.population_siz: optuna.samplers:NSGAIISampler has no argument" in message
    assert "did you mean 'population_size'?" in message
    assert "search.sampler.optuna: found 3; allowed: package.module:" in (
        invoke("run", path, *INLINE, "--set", "search.sampler.optuna=3", code=2).stderr
    )


def test_nothing_is_made_where_the_sampler_is_wrong(bench: Bench):
    with pytest.raises(FieldError, match="no argument 'low'"):
        bench.run(search_space(bench, {"optuna": "optuna.samplers:RandomSampler", "low": 1}))
    assert not bench.studies.exists()


@pytest.mark.parametrize("sampler", [GENETIC, {"optuna": "optuna.samplers:QMCSampler"}])
def test_a_killed_study_goes_on_as_if_nothing_had_happened(bench: Bench, sampler):
    path = search_space(bench, sampler)
    whole = bench.run(path, name="whole")
    for kind, count in ((TrialStarted, 4), (TrialMeasured, 11)):
        bench.stop_at(kind, count)
        name = f"killed-{count}"
        with pytest.raises(Stop):
            bench.run(path, name=name)
        bench.watch = lambda _: None
        resumed = bench.resume(name)
        assert results(resumed) == results(whole)
        assert noted(resumed) == noted(whole)
    if sampler is GENETIC:
        assert [one["trial"]["NSGAIISampler:generation"] for one in noted(whole)] == [0, 0, 0, 1, 1, 1, 2, 2]
    loaded = bench.load("whole")
    assert noted(loaded) == noted(whole)


def test_each_round_has_a_sampler_of_its_own(bench: Bench):
    rounds = [{"trials": 4, "epochs": 1}, {"trials": 4}]
    study = bench.run(search_space(bench, GENETIC, trials=None, rounds=rounds))
    assert [one["trial"]["NSGAIISampler:generation"] for one in noted(study)] == [0, 0, 0, 1] * 2
    assert len({one["seed"] for one in noted(study)}) == 2


def test_an_outclassed_trial_is_told_with_a_projection_and_rounds_do_not_see_it(bench: Bench):
    study = bench.run(search_space(bench, "random", trials=3))
    *whole, last = study.store.records(Stage.SEARCH)
    first = last.values[1]
    outclassed = StopReason.OUTCLASSED
    study.store._mirror.put(
        replace(last, state=outclassed.state, stop_reason=outclassed, epochs=1, values={1: first}, value=first)
    )
    curves = [Curve(values=one.values, whole=True) for one in whole] + [Curve(values={1: first}, whole=False)]
    wanted = projected_finals(curves, study.config.direction)
    assert [(one.value, one.running) for one in study.told] == [
        *((one.value, False) for one in whole),
        (wanted[2], False),
    ]
    assert study.past[2].value is None
