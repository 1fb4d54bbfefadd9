"""Whole studies tell others of this machine what they use, as long as they run."""

from __future__ import annotations

import pytest

from hpsearch.errors import InputError
from hpsearch.executors.machine.claims import VARIABLE, Claim, choosing
from hpsearch.executors.machine.cores import Cores
from hpsearch.trial.events import Event, Notice, StageStarted, TrialStarted
from support.bench import Bench, Stop


@pytest.fixture(autouse=True)
def claims_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "claims"))


def claims() -> list[str]:
    with choosing() as choice:
        return [claim.study for claim in choice.others]


def seen_while_running(bench: Bench) -> list[list[str]]:
    seen: list[list[str]] = []

    def watch(event: Event) -> None:
        if isinstance(event, StageStarted | TrialStarted):
            seen.append(claims())

    bench.watch = watch
    return seen


def test_a_study_has_its_claim_while_it_runs_and_when_it_is_resumed(bench):
    seen = seen_while_running(bench)
    space = bench.space("climb", search={"trials": 1}, finalists=None, ensemble=None)
    bench.run(space, name="cnn")
    bench.resume("cnn", trials=2)
    assert len(seen) >= 4
    assert {tuple(names) for names in seen} == {("cnn",)}
    assert claims() == []


def test_a_study_that_is_broken_off_or_refused_has_none(bench):
    space = bench.space("climb", search={"trials": 2}, finalists=None, ensemble=None)
    bench.stop_at(TrialStarted, 1)
    with pytest.raises(Stop):
        bench.run(space)
    assert claims() == []
    with pytest.raises(InputError):
        bench.run(space, name="sample")
    assert claims() == []


def test_another_study_of_this_machine_is_named(bench):
    cores = Cores().mine
    with choosing() as choice:
        held = choice.take(Claim(study="other", pid=77, cpus=1, cores=cores))
    bench.run(bench.space("climb", search={"trials": 1}, finalists=None, ensemble=None))
    held.close()
    (notice,) = [event.message for event in bench.events if isinstance(event, Notice)]
    are = "1 of 1 core is" if len(cores) == 1 else f"1 of {len(cores)} cores is"
    assert notice.startswith(f"{are} used by study other (process 77): ")
